"""Windows found by interval arithmetic, held against a plain look at the clock on the wall."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.policy.calendar import HolidayCalendar
from pipeline.policy.country import HolidayRules, Window
from pipeline.policy.decision import Block, Defer, Proceed
from pipeline.policy.window import decide_window

SECOND = timedelta(seconds=1)
BRAZIL = HolidayCalendar(
    HolidayRules(country="BR", optional_names=("carnival", "corpus christi"), by_state=True)
)
ZONES = (
    "America/Los_Angeles",
    "America/New_York",
    "America/Santiago",  # changes at midnight
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Beirut",  # changes at midnight
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # changes by half an hour
    "Europe/Madrid",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
)
CLOCK_CHANGES = tuple(
    datetime.fromisoformat(day).replace(tzinfo=UTC)
    for day in ("2026-03-08", "2026-03-29", "2026-04-05", "2026-10-25", "2026-11-01")
)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    hours: dict[int, tuple[tuple[time, time], ...]] = {}
    for weekday in draw(st.sets(st.integers(0, 6), max_size=7)):
        minutes = draw(st.lists(st.integers(0, 48), min_size=2, max_size=4, unique=True))
        edges = [
            time.max if half_hour == 48 else time(half_hour // 2, half_hour % 2 * 30)
            for half_hour in sorted(minutes)
        ]
        hours[weekday] = tuple(zip(edges[::2], edges[1::2], strict=False))
    return Window(rule="the_rule", hours=hours, closed_on_holidays=draw(st.booleans()))


instants = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001 - hypothesis takes naive bounds and adds the zone
    datetime(2027, 12, 31),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
) | st.builds(
    lambda change, hours: change + timedelta(hours=hours),
    st.sampled_from(CLOCK_CHANGES),
    st.floats(-30, 30, allow_nan=False),
)
zone_sets = st.sets(st.sampled_from(ZONES), min_size=1, max_size=3).map(lambda z: tuple(sorted(z)))


def opened(window: Window, zones: tuple[str, ...], state: str | None) -> Callable[..., bool]:
    """A function that tells whether the window is open, by looking at every wall clock."""

    def in_hours(local: datetime) -> bool:
        return any(
            opens <= local.time() and (local.time() < closes or closes == time.max)
            for opens, closes in window.hours.get(local.weekday(), ())
        )

    def is_open(at: datetime) -> bool:
        clocks = [at.astimezone(ZoneInfo(zone)) for zone in zones]
        return all(
            in_hours(local)
            and not (window.closed_on_holidays and BRAZIL.is_holiday(local.date(), state))
            for local in clocks
        )

    return is_open


@settings(deadline=None, max_examples=300)
@given(windows(), zone_sets, st.sampled_from([None, "SP", "AC"]), instants)
def test_a_decision_is_what_the_clocks_on_the_wall_say(
    window: Window, zones: tuple[str, ...], state: str | None, now: datetime
) -> None:
    is_open = opened(window, zones, state)
    found = decide_window(window, zones=zones, calendar=BRAZIL, state=state, now=now)

    match found.decision:
        case Proceed():
            assert found.closes_at is not None
            assert now < found.closes_at
            stretch = (now, found.closes_at)
            assert is_open(found.closes_at - SECOND / 1_000_000)
            if found.closes_at < now + timedelta(days=14):
                assert not is_open(found.closes_at)
        case Defer(until=until):
            assert until is not None
            assert now < until < now + timedelta(days=14)
            assert is_open(until)
            assert not is_open(until - SECOND)
            stretch = (now, until)
        case Block():
            stretch = (now, now + timedelta(days=14))

    quarter_hours = int((stretch[1] - stretch[0]) / timedelta(minutes=15))
    for step in range(min(quarter_hours, 400)):
        at = stretch[0] + step * timedelta(minutes=15)
        assert is_open(at) is isinstance(found.decision, Proceed), at

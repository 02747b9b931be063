from datetime import UTC, datetime, time, timedelta, timezone

import pytest

from pipeline.policy.area_codes import BRAZIL_ANYWHERE, UNITED_STATES_ANYWHERE
from pipeline.policy.calendar import HolidayCalendar, UnknownHolidays
from pipeline.policy.country import HolidayRules, Window
from pipeline.policy.decision import Block, Defer, Proceed
from pipeline.policy.vocabulary import Reason
from pipeline.policy.window import Interval, WindowDecision, decide_window, next_interval


def hours(opens: int, closes: int, weekdays: range, *, holidays: bool = False) -> Window:
    span = (time(opens), time(closes) if closes < 24 else time.max)
    return Window(
        rule="the_rule",
        hours=dict.fromkeys(weekdays, (span,)),
        closed_on_holidays=holidays,
    )


EVERY_DAY = range(7)
WORKING_DAYS = range(5)
US_WINDOW = hours(8, 21, EVERY_DAY)
BR_WINDOW = hours(9, 20, WORKING_DAYS, holidays=True)
NO_HOLIDAYS = HolidayCalendar(HolidayRules(country=None))
BR_HOLIDAYS = HolidayCalendar(
    HolidayRules(country="BR", optional_names=("carnival", "corpus christi"), by_state=True)
)
NEW_YORK = ("America/New_York",)
MADRID = ("Europe/Madrid",)
SAO_PAULO = ("America/Sao_Paulo",)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def decide(
    window: Window | None,
    zones: tuple[str, ...],
    now: datetime,
    *,
    calendar: HolidayCalendar = NO_HOLIDAYS,
    state: str | None = None,
) -> WindowDecision:
    return decide_window(window, zones=zones, calendar=calendar, state=state, now=now)


def deferred(until: str) -> WindowDecision:
    return WindowDecision(
        decision=Defer(until=utc(until), reason=Reason.WINDOW_CLOSED, rule="the_rule")
    )


def proceeds(closes_at: str) -> WindowDecision:
    return WindowDecision(decision=Proceed(rule="the_rule"), closes_at=utc(closes_at))


BLOCKED = WindowDecision(decision=Block(reason=Reason.NO_COMMON_WINDOW, rule="the_rule"))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-06-02T11:59:59.999999", deferred("2026-06-02T12:00")),
        ("2026-06-02T12:00", proceeds("2026-06-03T01:00")),
        ("2026-06-03T00:59:59.999999", proceeds("2026-06-03T01:00")),
        ("2026-06-03T01:00", deferred("2026-06-03T12:00")),
    ],
)
def test_a_window_opens_and_closes_to_the_microsecond(now: str, expected: WindowDecision) -> None:
    assert decide(US_WINDOW, NEW_YORK, utc(now)) == expected


def test_the_offset_in_which_now_is_written_changes_nothing() -> None:
    now = utc("2026-06-02T12:00").astimezone(timezone(timedelta(hours=9)))
    assert decide(US_WINDOW, NEW_YORK, now) == proceeds("2026-06-03T01:00")


def test_without_a_window_every_instant_is_good() -> None:
    assert decide(None, (), utc("2026-12-25T03:00")) == WindowDecision(decision=Proceed())


@pytest.mark.parametrize("window", [US_WINDOW, None])
def test_a_naive_now_is_refused(window: Window | None) -> None:
    with pytest.raises(ValueError, match="aware"):
        decide(window, NEW_YORK, datetime(2026, 6, 2))  # noqa: DTZ001 - what is tested


@pytest.mark.parametrize(
    ("zones", "window", "night", "opens", "closes"),
    [
        # Clocks go forward on 8 March in New York and on 29 March in Madrid; back on
        # 1 November and 25 October.
        (NEW_YORK, US_WINDOW, "2026-03-07T04:00", "2026-03-07T13:00", "2026-03-08T02:00"),
        (NEW_YORK, US_WINDOW, "2026-03-08T04:00", "2026-03-08T12:00", "2026-03-09T01:00"),
        (NEW_YORK, US_WINDOW, "2026-10-31T04:00", "2026-10-31T12:00", "2026-11-01T01:00"),
        (NEW_YORK, US_WINDOW, "2026-11-01T04:00", "2026-11-01T13:00", "2026-11-02T02:00"),
        (MADRID, US_WINDOW, "2026-03-28T04:00", "2026-03-28T07:00", "2026-03-28T20:00"),
        (MADRID, US_WINDOW, "2026-03-28T23:30", "2026-03-29T06:00", "2026-03-29T19:00"),
        (MADRID, US_WINDOW, "2026-10-24T04:00", "2026-10-24T06:00", "2026-10-24T19:00"),
        (MADRID, US_WINDOW, "2026-10-24T23:30", "2026-10-25T07:00", "2026-10-25T20:00"),
    ],
)
def test_hours_follow_the_clock_on_the_days_it_changes(
    zones: tuple[str, ...], window: Window, night: str, opens: str, closes: str
) -> None:
    assert decide(window, zones, utc(night)) == deferred(opens)
    assert decide(window, zones, utc(opens)) == proceeds(closes)


@pytest.mark.parametrize(
    ("state", "local_now", "expected"),
    [
        # Friday after hours and all of the weekend wait for Monday, nine o'clock.
        ("SP", "2026-11-13T20:00-03:00", deferred("2026-11-16T12:00")),
        ("SP", "2026-11-15T15:00-03:00", deferred("2026-11-16T12:00")),
        # 20 November, a Friday, is a national holiday.
        ("RJ", "2026-11-19T20:00-03:00", deferred("2026-11-23T12:00")),
        ("RJ", "2026-11-20T10:00-03:00", deferred("2026-11-23T12:00")),
        # 9 July belongs to São Paulo alone.
        ("SP", "2026-07-09T10:00-03:00", deferred("2026-07-10T12:00")),
        ("RJ", "2026-07-09T10:00-03:00", proceeds("2026-07-09T23:00")),
        (None, "2026-07-09T10:00-03:00", proceeds("2026-07-09T23:00")),
        # Carnival closes Monday and Tuesday; Ash Wednesday works.
        ("BA", "2026-02-13T20:00-03:00", deferred("2026-02-18T12:00")),
        # Corpus Christi is a Thursday.
        ("BA", "2026-06-03T21:00-03:00", deferred("2026-06-05T12:00")),
        # New Year's Day asks for the holidays of two years.
        ("SP", "2026-12-31T20:00-03:00", deferred("2027-01-04T12:00")),
    ],
)
def test_brazil_works_on_working_days(
    state: str | None, local_now: str, expected: WindowDecision
) -> None:
    now = datetime.fromisoformat(local_now)
    assert decide(BR_WINDOW, SAO_PAULO, now, calendar=BR_HOLIDAYS, state=state) == expected


def test_a_holiday_is_a_date_of_the_recipients_zone() -> None:
    # 22:30 UTC on Christmas Eve is already Christmas in Kiribati, and not yet in Honolulu.
    closed = HolidayCalendar(HolidayRules(country=None), [utc("2026-12-25T00:00").date()])
    window = hours(0, 24, EVERY_DAY, holidays=True)
    now = utc("2026-12-24T22:30")
    assert decide(window, ("Pacific/Honolulu",), now, calendar=closed) == proceeds(
        "2026-12-25T10:00"
    )
    assert decide(window, ("Pacific/Kiritimati",), now, calendar=closed) == deferred(
        "2026-12-25T10:00"
    )
    assert decide(
        window, ("Pacific/Honolulu", "Pacific/Kiritimati"), now, calendar=closed
    ) == deferred("2026-12-26T10:00")


CONTIGUOUS = ("America/Chicago", "America/Denver", "America/Los_Angeles", "America/New_York")
TERRITORIES = ("America/Puerto_Rico", "Pacific/Guam", "Pacific/Pago_Pago", "Pacific/Saipan")
WINTER, SUMMER = "2026-01-13T03:00", "2026-07-14T03:00"


@pytest.mark.parametrize(
    ("zones", "window", "now", "opens", "closes"),
    [
        (CONTIGUOUS, US_WINDOW, WINTER, "13T16:00", "14T02:00"),
        (UNITED_STATES_ANYWHERE, US_WINDOW, WINTER, "13T18:00", "14T02:00"),
        (UNITED_STATES_ANYWHERE, US_WINDOW, SUMMER, "14T18:00", "15T01:00"),
        (UNITED_STATES_ANYWHERE + TERRITORIES, US_WINDOW, WINTER, "13T22:00", "14T01:00"),
        (UNITED_STATES_ANYWHERE + TERRITORIES, US_WINDOW, SUMMER, "14T22:00", "15T01:00"),
        (
            (*UNITED_STATES_ANYWHERE, *TERRITORIES, "America/St_Johns"),
            US_WINDOW,
            SUMMER,
            "14T22:00",
            "14T23:30",
        ),
        (BRAZIL_ANYWHERE.zones, BR_WINDOW, WINTER, "13T14:00", "13T22:00"),
        (BRAZIL_ANYWHERE.zones, hours(10, 18, WORKING_DAYS), WINTER, "13T15:00", "13T20:00"),
        (("America/Noronha", "America/Recife"), BR_WINDOW, WINTER, "13T12:00", "13T22:00"),
        (("America/Eirunepe", "America/Manaus"), BR_WINDOW, WINTER, "13T14:00", "14T00:00"),
        (("Atlantic/Canary", "Europe/Madrid"), US_WINDOW, SUMMER, "14T07:00", "14T19:00"),
        (("Atlantic/Azores", "Europe/Lisbon"), US_WINDOW, WINTER, "13T09:00", "13T21:00"),
    ],
)
def test_a_recipient_who_may_be_in_several_zones_is_in_all_of_them(
    zones: tuple[str, ...], window: Window, now: str, opens: str, closes: str
) -> None:
    month = now[:8]
    found = next_interval(window, zones=zones, calendar=BR_HOLIDAYS, state=None, now=utc(now))
    assert found == Interval(opens=utc(month + opens), closes=utc(month + closes))


def test_hours_that_never_meet_are_a_block() -> None:
    far_apart = ("America/Los_Angeles", "Europe/Madrid")
    assert decide(hours(9, 17, EVERY_DAY), far_apart, utc("2026-06-02T12:00")) == BLOCKED


def test_hours_that_only_touch_are_a_block() -> None:
    an_hour_apart = ("America/Noronha", "America/Recife")
    assert decide(hours(9, 10, EVERY_DAY), an_hour_apart, utc("2026-06-02T12:00")) == BLOCKED


@pytest.mark.parametrize("zones", [(), ("Mars/Olympus",), ("Etc/Unknown", "America/Lima")])
def test_an_unknown_zone_is_a_block_and_never_a_guess(zones: tuple[str, ...]) -> None:
    assert decide(US_WINDOW, zones, utc("2026-06-02T18:00")) == BLOCKED


def test_a_window_without_hours_is_a_block() -> None:
    assert decide(Window(rule="the_rule", hours={}), NEW_YORK, utc("2026-06-02T12:00")) == BLOCKED


def test_no_opening_within_fourteen_days_is_a_block() -> None:
    shut = [utc("2026-06-01T00:00").date() + timedelta(days=day) for day in range(20)]
    calendar = HolidayCalendar(HolidayRules(country=None), shut)
    window = hours(9, 17, EVERY_DAY, holidays=True)
    opens = utc("2026-06-21T09:00")
    just_too_far = opens - timedelta(days=14)
    assert decide(window, ("UTC",), just_too_far, calendar=calendar) == BLOCKED
    just_in_sight = just_too_far + timedelta(seconds=1)
    assert decide(window, ("UTC",), just_in_sight, calendar=calendar) == deferred(
        "2026-06-21T09:00"
    )


def test_nights_between_open_days_do_not_close_a_window_of_24_hours() -> None:
    week = hours(0, 24, WORKING_DAYS)
    assert decide(week, NEW_YORK, utc("2026-03-07T12:00")) == deferred("2026-03-09T04:00")
    assert decide(week, NEW_YORK, utc("2026-03-10T12:00")) == proceeds("2026-03-14T04:00")


def test_a_window_that_never_closes_is_known_to_be_open_for_the_horizon() -> None:
    now = utc("2026-06-02T12:00")
    found = decide(hours(0, 24, EVERY_DAY), NEW_YORK, now)
    assert isinstance(found.decision, Proceed)
    assert found.closes_at is not None
    assert timedelta(days=14) <= found.closes_at - now <= timedelta(days=15)


def test_a_clock_may_go_back_into_the_day_before() -> None:
    # In St. John's, in 2010, Sunday 7 November lasted a minute and Saturday came back.
    saturdays = hours(0, 24, range(5, 6))
    zone = ("America/St_Johns",)
    assert decide(saturdays, zone, utc("2010-11-07T02:30:30")) == deferred("2010-11-07T02:31")
    assert decide(saturdays, zone, utc("2010-11-07T02:31")) == proceeds("2010-11-07T03:30")


def test_a_day_may_have_a_break() -> None:
    window = Window(
        rule="the_rule",
        hours={1: ((time(9), time(13)), (time(15), time(19)))},
    )
    assert decide(window, MADRID, utc("2026-06-02T10:00")) == proceeds("2026-06-02T11:00")
    assert decide(window, MADRID, utc("2026-06-02T11:00")) == deferred("2026-06-02T13:00")


class TestUnknownHolidays:
    calendar = HolidayCalendar(HolidayRules(country="BR", first_year=2026, last_year=2026))

    def test_a_message_that_depends_on_them_waits_a_day(self) -> None:
        now = utc("2026-12-31T23:00")
        assert decide(BR_WINDOW, SAO_PAULO, now, calendar=self.calendar) == deferred(
            "2027-01-01T23:00"
        )
        with pytest.raises(UnknownHolidays):
            next_interval(BR_WINDOW, zones=SAO_PAULO, calendar=self.calendar, state=None, now=now)

    def test_what_is_certain_before_them_still_holds(self) -> None:
        assert decide(
            BR_WINDOW, SAO_PAULO, utc("2026-12-31T22:59"), calendar=self.calendar
        ) == proceeds("2026-12-31T23:00")
        assert decide(
            BR_WINDOW, SAO_PAULO, utc("2026-12-31T03:00"), calendar=self.calendar
        ) == deferred("2026-12-31T12:00")
        assert decide(
            BR_WINDOW, SAO_PAULO, utc("2026-01-02T13:00"), calendar=self.calendar
        ) == proceeds("2026-01-02T23:00")

    def test_an_open_stretch_is_cut_where_they_begin(self) -> None:
        around_the_clock = hours(0, 24, EVERY_DAY, holidays=True)
        assert decide(
            around_the_clock, SAO_PAULO, utc("2026-12-30T12:00"), calendar=self.calendar
        ) == proceeds("2027-01-01T03:00")

    def test_they_do_not_matter_to_a_window_that_is_open_on_holidays(self) -> None:
        assert decide(
            US_WINDOW, SAO_PAULO, utc("2030-06-03T12:00"), calendar=self.calendar
        ) == proceeds("2030-06-04T00:00")

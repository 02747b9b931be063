"""When messages would leave: at the senders' rates, within the windows, before the end."""

from datetime import UTC, date, datetime, timedelta

from config.languages_file import load_languages
from config.policies import load_policies
from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import Category, Channel, Outcome, Tier
from pipeline.stages.books import Books
from pipeline.store.senders import Sender
from workers.simulation.addressees import Addressee
from workers.simulation.lanes import Lane, Place
from workers.simulation.rulings import Ruling
from workers.simulation.timeline import Departures, Timeline

BOOKS = Books(load_policies(), words=load_languages().words)
NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)
"""Of a Monday in New York, whose window is open from 13:00 to 02:00 UTC."""

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ANYBODY = Addressee(id="a", to="a", number=None)


def lane(*zones: str) -> Lane:
    place = Place(
        country="US",
        category=Category.MARKETING,
        channel=Channel.SMS,
        zones=zones or ("America/New_York",),
        state=None,
    )
    return Lane(place, BOOKS, None, None)


def sender(rate: float, number: int = 1) -> Sender:
    return Sender(
        id=number,
        code=str(number),
        business="b",
        country="US",
        channel=Channel.SMS,
        address="a",
        provider="p",
        rate_per_second=rate,
        tier=Tier.HIGH,
        state=SenderState.ACTIVE,
    )


def later(where: Lane, through: Sender | None, moment: datetime) -> Ruling:
    return Ruling(
        addressee=ANYBODY,
        outcome=Outcome.DEFER,
        not_before=moment,
        sender=through,
        lane=where,
    )


def now(where: Lane, through: Sender | None) -> Ruling:
    return Ruling(addressee=ANYBODY, outcome=Outcome.SEND, sender=through, lane=where)


def departures(*rulings: Ruling, ends: datetime | None = None) -> Departures:
    timeline = Timeline(ends)
    for ruling in rulings:
        timeline.add(ruling, NOON)
    return timeline.departures()


def test_a_sender_takes_its_time() -> None:
    east, slow = lane(), sender(1 / 600)
    found = departures(*[now(east, slow)] * 13)
    assert found.hours == {NOON: 6, NOON + HOUR: 6, NOON + 2 * HOUR: 1}
    assert found.last == NOON + 2 * HOUR


def test_without_a_sender_nobody_waits() -> None:
    assert departures(*[now(lane(), None)] * 5000).hours == {NOON: 5000}


def test_senders_do_not_wait_for_each_other() -> None:
    east = lane()
    found = departures(now(east, sender(1 / 3600)), now(east, sender(1 / 3600, number=2)))
    assert found.hours == {NOON: 2}


def test_what_the_window_shuts_out_goes_on_at_its_next_opening() -> None:
    found = departures(*[now(lane(), sender(1 / 3600))] * 12)
    # Nine leave until 8 p.m. in New York, and the others from 8 a.m. on.
    assert len([hour for hour in found.hours if hour < NOON + 9 * HOUR]) == 9
    assert min(hour for hour in found.hours if hour > NOON + 9 * HOUR) == NOON + 20 * HOUR
    assert found.last == NOON + 22 * HOUR


def test_a_shut_window_holds_up_nobody_else() -> None:
    slow = sender(1 / 3600)
    east, west = lane(), lane("America/Los_Angeles")
    found = departures(*[now(east, slow)] * 10, *[now(west, slow)] * 2)
    # The tenth of the east waits for its morning, and the west's turn comes at once.
    assert found.last == NOON + 20 * HOUR
    assert sorted(found.hours)[9:] == [NOON + 9 * HOUR, NOON + 10 * HOUR, NOON + 20 * HOUR]


def test_what_is_not_out_before_the_end_has_expired() -> None:
    found = departures(*[now(lane(), sender(1 / 3600))] * 12, ends=NOON + 4 * HOUR)
    assert found.late == 8
    assert found.last == NOON + 3 * HOUR


def test_the_order_is_that_of_the_instants_and_then_that_of_the_file() -> None:
    slow, east = sender(1 / 3600), lane()
    early, late = NOON + DAY, NOON + 2 * DAY
    found = departures(later(east, slow, late), later(east, slow, early), now(east, slow))
    assert sorted(found.hours) == [NOON, early, late]


def test_what_nobody_can_date_is_left_out() -> None:
    waiting = Ruling(addressee=ANYBODY, outcome=Outcome.DEFER)
    blocked = Ruling(addressee=ANYBODY, outcome=Outcome.BLOCK)
    found = departures(waiting, blocked)
    assert (found.last, found.late, found.hours) == (None, 0, {})


def test_the_rules_of_these_tests_hold() -> None:
    policy = BOOKS.policies.for_country("US", date(2026, 11, 23))
    assert policy is not None
    assert [one.rule for one in policy.windows[Category.MARKETING]] == ["us_window_promo"]

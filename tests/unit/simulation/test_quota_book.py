"""A sender's quotas while a campaign is decided: exact, and never over in any period."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.languages_file import load_languages
from config.policies import load_policies
from pipeline.policy.country import CountryPolicy
from pipeline.policy.quota import bucket_of
from pipeline.policy.sender import SenderState
from pipeline.policy.sender_rules import Quota
from pipeline.policy.vocabulary import Channel, Tier
from pipeline.stages.books import Books
from pipeline.store.senders import Sender
from workers.simulation.quota_book import QuotaBook, until_of

NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

SENDER = Sender(
    id=1,
    code="s",
    business="b",
    country="US",
    channel=Channel.SMS,
    address="a",
    provider="p",
    rate_per_second=1.0,
    tier=Tier.NEW,
    state=SenderState.ACTIVE,
)
LANGUAGES = load_languages()
US = load_policies().for_country("US", NOW.date())


@dataclass(frozen=True)
class OnePolicy:
    """A book of rules with one page."""

    policy: CountryPolicy

    def for_country(self, country: str, on: date) -> CountryPolicy | None:
        assert on >= NOW.date()
        return self.policy if country == "US" else None


def books(*quotas: tuple[int, timedelta]) -> Books:
    assert US is not None
    limits = tuple(
        Quota(rule=f"quota_{limit}", limit=limit, period=period) for limit, period in quotas
    )
    page = replace(US, quotas={Tier.NEW: limits} if limits else {})
    return Books(OnePolicy(page), words=LANGUAGES.words)


def place(book: QuotaBook, moment: datetime) -> datetime:
    """Take the first instant from then on at which there is room."""
    while (full := book.decide(moment)) is not None:
        assert until_of(full) > moment
        moment = until_of(full)
    book.take(moment)
    return moment


def test_five_hundred_go_now_and_the_next_ones_a_day_and_a_minute_later() -> None:
    book = QuotaBook(SENDER, (), books((500, DAY)))
    placed = [place(book, NOW) for _ in range(1001)]
    assert placed[:500] == [NOW] * 500
    assert set(placed[500:1000]) == {NOW + DAY + MINUTE}
    assert placed[1000] == NOW + 2 * (DAY + MINUTE)


def test_what_was_sent_before_counts() -> None:
    used = [(bucket_of(NOW - timedelta(hours=1)), 499), (bucket_of(NOW - 2 * DAY), 400)]
    book = QuotaBook(SENDER, used, books((500, DAY)))
    assert place(book, NOW) == NOW
    assert place(book, NOW) == bucket_of(NOW - timedelta(hours=1)) + DAY


def test_a_message_leaves_room_for_one_that_was_placed_later_before_it() -> None:
    book = QuotaBook(SENDER, (), books((2, DAY)))
    evening = NOW + timedelta(hours=5)
    assert [place(book, evening), place(book, evening)] == [evening, evening]
    # Sent now, it would count for those two as well.
    assert place(book, NOW) == bucket_of(evening) + DAY


def test_without_a_quota_everything_goes() -> None:
    book = QuotaBook(SENDER, (), books())
    assert {place(book, NOW) for _ in range(50)} == {NOW}
    assert book.rule(NOW) is None


def holds(placed: Sequence[datetime], limit: int, period: timedelta) -> bool:
    """By the buckets' own law, at the instant of each message."""
    for moment in placed:
        counted = sum(
            1
            for each in placed
            if bucket_of(each) <= bucket_of(moment) and bucket_of(each) + period > moment
        )
        if counted > limit:
            return False
    return True


minutes = st.integers(0, 3 * 24 * 60).map(lambda each: NOW + each * MINUTE)


@settings(max_examples=150, deadline=None)
@given(
    wanted=st.lists(minutes, max_size=25),
    quotas=st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from([DAY, timedelta(hours=6)])),
        min_size=1,
        max_size=2,
    ),
)
def test_no_period_holds_more_and_nothing_waits_longer_than_it_must(
    wanted: list[datetime], quotas: list[tuple[int, timedelta]]
) -> None:
    book = QuotaBook(SENDER, (), books(*quotas))
    placed: list[datetime] = []
    for moment in wanted:
        found = place(book, moment)
        assert all(holds([*placed, found], *quota) for quota in quotas)
        for tried in _before(placed, moment, found, quotas):
            assert not all(holds([*placed, tried], *quota) for quota in quotas), tried
        placed.append(found)


def _before(
    placed: list[datetime],
    moment: datetime,
    found: datetime,
    quotas: list[tuple[int, timedelta]],
) -> list[datetime]:
    """The instants before `found` at which anything can have changed."""
    edges = {moment, found - MINUTE}
    edges |= {bucket_of(each) + period for each in placed for _, period in quotas}
    return [each for each in edges if moment <= each < found]


@pytest.mark.parametrize("tier", [Tier.NEW, Tier.HIGH])
def test_the_tier_decides(tier: Tier) -> None:
    book = QuotaBook(replace(SENDER, tier=tier), (), books((1, DAY)))
    place(book, NOW)
    assert (book.decide(NOW) is None) is (tier is Tier.HIGH)

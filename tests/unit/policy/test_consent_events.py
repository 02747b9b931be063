"""What events come to, in whatever order and in whatever portions they are told."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.consent_events import (
    EVERY,
    ConsentEvent,
    ConsentEventKind,
    ConsentHistory,
    ConsentState,
)

GRANTED, CONFIRMED, RENEWED, REVOKED = ConsentEventKind
START = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def event(
    kind: ConsentEventKind,
    at: int,
    *,
    grant: int | None = None,
    channel: str = "sms",
    topics: tuple[str, ...] = ("offers",),
    number: int = 0,
) -> ConsentEvent:
    granted_at = at if kind is GRANTED else grant
    return ConsentEvent(
        id=number,
        kind=kind,
        channel=channel,
        topics=topics,
        occurred_at=day(at),
        granted_at=None if granted_at is None else day(granted_at),
        evidence=f"{kind} {at}",
    )


def followed(*events: ConsentEvent) -> ConsentHistory:
    history = ConsentHistory()
    for one in events:
        history.follow(one)
    return history


def only(*events: ConsentEvent) -> ConsentState:
    """The one state that these events come to."""
    (state,) = followed(*events).states.values()
    return state


def test_what_belongs_to_a_grant_is_added_to_it() -> None:
    state = only(
        event(GRANTED, 1),
        event(CONFIRMED, 2, grant=1),
        event(RENEWED, 9, grant=1),
        event(RENEWED, 5, grant=1),
        event(REVOKED, 11, grant=1),
    )
    moments = (state.granted_at, state.confirmed_at, state.renewed_at, state.revoked_at)
    assert moments == (day(1), day(2), day(9), day(11))


def test_a_newer_grant_begins_anew_and_an_older_one_changes_nothing() -> None:
    before = [event(GRANTED, 5), event(CONFIRMED, 6, grant=5), event(RENEWED, 7, grant=5)]
    renewed = only(*before, event(GRANTED, 9))
    assert (renewed.granted_at, renewed.confirmed_at, renewed.renewed_at) == (day(9), None, None)
    assert renewed.evidence == "granted 9"
    assert only(*before, event(GRANTED, 3), event(CONFIRMED, 4, grant=3)) == only(*before)


def test_a_grant_after_the_revocation_stands() -> None:
    assert only(event(GRANTED, 1), event(REVOKED, 3), event(GRANTED, 4)).revoked_at is None


@pytest.mark.parametrize(
    "events",
    [
        [event(GRANTED, 1), event(REVOKED, 9), event(GRANTED, 5)],
        [event(REVOKED, 9), event(GRANTED, 5)],
        [event(GRANTED, 5), event(GRANTED, 1), event(REVOKED, 9, grant=1)],
    ],
    ids=["told of late", "never told of before", "revoked by its older form"],
)
def test_a_grant_from_before_a_revocation_is_not_undone(events: Sequence[ConsentEvent]) -> None:
    state = only(*events)
    assert (state.granted_at, state.revoked_at) == (day(5), day(9))


@pytest.mark.parametrize(
    ("channel", "topics", "taken_back"),
    [
        (EVERY, (EVERY,), True),
        (EVERY, ("",), True),
        ("sms", ("offers",), True),
        ("sms", ("news", "offers"), True),
        ("whatsapp", (EVERY,), False),
        ("sms", ("news",), False),
    ],
)
@pytest.mark.parametrize("turn", [1, -1], ids=["grant first", "revocation first"])
def test_a_revocation_of_no_grant_takes_back_what_it_overlaps_with(
    channel: str, topics: tuple[str, ...], taken_back: bool, turn: int
) -> None:
    events = [event(GRANTED, 1), event(REVOKED, 3, channel=channel, topics=topics)][::turn]
    state = followed(*events).states["sms", "offers"]
    assert state.revoked_at == (day(3) if taken_back else None)


def test_a_grant_whose_moment_nobody_knows_changes_no_known_one() -> None:
    unknown = ConsentEvent(
        id=9,
        kind=GRANTED,
        channel="sms",
        topics=("offers",),
        occurred_at=day(9),
        granted_at=None,
        evidence="other",
    )
    assert only(event(GRANTED, 1), unknown) == only(event(GRANTED, 1))
    assert only(unknown).granted_at is None


@st.composite
def _events(draw: st.DrawFn) -> list[ConsentEvent]:
    days = st.integers(0, 6)
    topics = st.sampled_from([("offers",), ("news",), ("news", "offers"), (EVERY,), ("",)])
    return [
        event(
            draw(st.sampled_from(list(ConsentEventKind))),
            draw(days),
            grant=draw(st.none() | days),
            channel=draw(st.sampled_from(["sms", "whatsapp", EVERY])),
            topics=draw(topics),
            number=number,
        )
        for number in range(draw(st.integers(0, 12)))
    ]


@given(_events(), st.integers(0, 12))
def test_a_writer_who_goes_on_from_the_stored_state_agrees_with_an_auditor(
    events: list[ConsentEvent], cut: int
) -> None:
    stored = followed(*events[:cut])
    writer = ConsentHistory(
        stored.states.values(), [one for one in events[:cut] if one.takes_back_all]
    )
    for one in events[cut:]:
        writer.follow(one)
    assert writer.states == followed(*events).states


@given(_events().flatmap(st.permutations))
def test_no_order_of_telling_revives_what_was_taken_back(events: list[ConsentEvent]) -> None:
    for key, state in followed(*events).states.items():
        granted_at, revoked_at = state.granted_at, state.revoked_at
        for one in events:
            if granted_at is None or not one.takes_back_all or not one.overlaps(*key):
                continue
            ended = revoked_at is not None and revoked_at >= granted_at
            assert ended or one.occurred_at < granted_at

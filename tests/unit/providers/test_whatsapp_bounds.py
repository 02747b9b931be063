import pytest

from pipeline.providers.events import MalformedEventError, OtherEvent
from pipeline.providers.whatsapp.events import MOST_EVENTS, read_whatsapp
from tests.unit.providers.whatsapp import body, change, message, read_message, read_one, reply


@pytest.mark.parametrize(
    "timestamp", [None, "", "soon", 0, -1, 10**30, "1780000000.5", 1e9, True, "9" * 19, []]
)
def test_an_absurd_time_is_none(timestamp: object) -> None:
    assert read_message("text", {"body": "x"}, timestamp=timestamp) == reply(
        body="x", occurred_at=None
    )


def test_a_number_written_for_people_is_an_address_too() -> None:
    shown = {"display_phone_number": "+1 (555) 010-0001", "phone_number_id": 900000000000002}
    raw = body(change(metadata=shown, messages=[message("text", {"body": "x"})]))
    assert read_one(raw) == reply(body="x")


def test_somebody_is_heard_even_where_our_number_is_missing() -> None:
    raw = body(change(metadata=None, messages=[message("text", {"body": "STOP"})]))
    assert read_one(raw) == reply(body="STOP", addresses=("900000000000001",))


def test_what_cannot_be_stored_is_cleaned() -> None:
    event = read_message("text", {"body": "ST\0OP\ud800"}, id="wamid.\0A")
    assert event == reply(body="STOP?", provider_id="wamid.A")


def test_lengths_are_bounded() -> None:
    assert read_message("text", {"body": "é" * 5000}) == reply(body="é" * 4096)
    assert read_message("text", {"body": "x"}, id="w" * 256) == reply(
        body="x", provider_id="w" * 256
    )
    assert read_message("text", {"body": "x"}, id="w" * 257) == OtherEvent(kind="malformed")


def test_one_bad_event_takes_no_other_with_it() -> None:
    good = message("text", {"body": "STOP"})
    raw = body(
        change(messages=[None, {}, good]),
        {"field": "messages", "value": None},
        {"field": 5},
        change("brand_new_field"),
        change(messages="none", statuses=[good]),
        change(messages=[good]),
        change(),
    )
    malformed = OtherEvent(kind="malformed")
    assert read_whatsapp(raw) == [
        malformed,
        malformed,
        reply(body="STOP"),
        malformed,
        malformed,
        OtherEvent(kind="unknown_field"),
        malformed,
        malformed,
        reply(body="STOP"),
        OtherEvent(kind="empty_change"),
    ]


def test_the_number_of_events_is_bounded() -> None:
    messages = [message("text", {"body": "x"})] * MOST_EVENTS
    assert len(read_whatsapp(body(change(messages=messages)))) == MOST_EVENTS
    with pytest.raises(MalformedEventError, match="2000"):
        read_whatsapp(body(change(messages=messages), change("flows")))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe{\x00}\x00",
        b'{"object":"page","entry":[]}',
        b'{"object":"whatsapp_business_account"}',
        b'{"object":"whatsapp_business_account","entry":{}}',
        b"[" * 100_000,
        b'{"object":"whatsapp_business_account","entry":[' + b"9" * 5000 + b"]}",
    ],
)
def test_a_body_that_is_not_whatsapps(raw: bytes) -> None:
    with pytest.raises(MalformedEventError):
        read_whatsapp(raw)

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.policy.vocabulary import Channel
from pipeline.providers.events import InboundReply, MalformedEventError, Person
from pipeline.providers.inbound_events import read_inbound

REPLY = {
    "id": "in-1",
    "from": "+5511999990001",
    "to": "+551130000000",
    "body": "sair por favor",
    "received_at": "2026-11-21T17:00:00-03:00",
}


def read(**changes: Any) -> InboundReply:
    (event,) = read_inbound(json.dumps({**REPLY, **changes}).encode())
    assert isinstance(event, InboundReply)
    return event


def test_a_reply() -> None:
    assert read() == InboundReply(
        provider_id="in-1",
        channel=None,
        person=Person(phone="+5511999990001"),
        addresses=("+551130000000",),
        body="sair por favor",
        occurred_at=datetime(2026, 11, 21, 20, tzinfo=UTC),
    )


def test_what_else_may_stand_in_it() -> None:
    assert read(channel="sms").channel is Channel.SMS
    assert read(channel="whatsapp").channel is Channel.WHATSAPP
    assert read(carrier="acme", verdict="stop", answered=True) == read()
    assert read(body="") == InboundReply(
        **{
            **{name: getattr(read(), name) for name in InboundReply.__slots__},
            "body": "",
        }
    )


def test_what_cannot_be_kept_is_cleaned_and_cut() -> None:
    assert read(body="ST\0OP" + "x" * 5000).body == "STOP" + "x" * 4092


@pytest.mark.parametrize(
    "instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1970-01-01T00:00:00Z"]
)
def test_an_absurd_time_is_none(instant: str) -> None:
    assert read(received_at=instant).occurred_at is None


@pytest.mark.parametrize("field", REPLY)
@pytest.mark.parametrize("value", [None, 5, [], {}, True])
def test_a_field_of_the_wrong_kind(field: str, value: object) -> None:
    with pytest.raises(MalformedEventError, match=field):
        read(**{field: value})


@pytest.mark.parametrize("field", REPLY)
def test_every_field_is_needed(field: str) -> None:
    without = {name: value for name, value in REPLY.items() if name != field}
    with pytest.raises(MalformedEventError, match=field):
        read_inbound(json.dumps(without).encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", "x" * 257),
        ("from", " "),
        ("to", "\0"),
        ("received_at", "2026-11-21T17:00:00"),
        ("received_at", "yesterday"),
        ("received_at", "1780000000"),
        ("received_at", "\ud800"),
        ("channel", "email"),
        ("channel", ["sms"]),
    ],
)
def test_a_value_that_cannot_be_used(field: str, value: object) -> None:
    with pytest.raises(MalformedEventError, match=field):
        read(**{field: value})


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b'"x"', b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_none(raw: bytes) -> None:
    with pytest.raises(MalformedEventError):
        read_inbound(raw)

"""Whatever stands in an answer: something that can be stored, and never an exception."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.policy.vocabulary import Category, Channel
from pipeline.providers.base import (
    Accepted,
    Ambiguous,
    CannotTell,
    Found,
    NotFound,
    OutboundMessage,
    Rejected,
    SendResult,
    Sought,
)
from pipeline.providers.http import Answer, read_retry_after
from pipeline.providers.twilio import dialect as twilio
from pipeline.providers.twilio import lookup
from pipeline.providers.whatsapp import dialect as whatsapp

MESSAGE = OutboundMessage(
    message_id=42,
    attempt=1,
    channel=Channel.SMS,
    category=Category.MARKETING,
    sender_address="+15550100001",
    to="+5511999990001",
    body="Hi",
    template=None,
    template_language=None,
    template_parameters=(),
    validity_seconds=None,
)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SOUGHT = Sought(
    message_id=42,
    channel=Channel.SMS,
    sender_address="+15550100001",
    to="+5511999990001",
    body="Hi",
    sent_after=NOON,
    sent_before=NOON,
)
LISTED = {
    "sid": "SM1",
    "from": "+15550100001",
    "body": "Hi",
    "date_created": "Sat, 21 Nov 2026 12:00:00 +0000",
}
DEEP = b"[" * 100_000
READERS = (twilio.read_answer, whatsapp.read_answer)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["x" * 300, 10**12, 10**400, -1, "\0", "\ud800", "131049"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner)
)
dates = st.sampled_from(
    [
        "1 Jan 99999999999999999999 0:0:0 +0000",
        "Fri, 31 Dec 9999 23:59:59 -2300",
        "Thu, 01 Jan 0001 00:00:00 +2300",
        "Thu, 01 Jan 2026 00:00:00 +99999999999",
        "tomorrow",
        "9" * 500,
    ]
)


def check(result: SendResult) -> None:
    match result:
        case Accepted():
            texts = [result.provider_id, result.user_id or ""]
            assert 0 < len(result.provider_id) <= 256
        case Rejected() | Ambiguous():
            texts = [result.code or "", result.detail]
            assert len(result.code or "") <= 16
            assert len(result.detail) <= 200
        case _:
            pytest.fail("an answer is none of these")
    for text in texts:
        assert "\0" not in text
        text.encode()


@settings(max_examples=200, deadline=None)
@given(id_=values, code=values, words=values, status=st.sampled_from([200, 400, 503]))
def test_any_values(id_: Any, code: Any, words: Any, status: int) -> None:
    bodies = [
        {"sid": id_, "num_segments": words, "code": code, "message": words},
        {"messages": [{"id": id_, "message_status": words}], "contacts": [{"user_id": id_}]},
        {"error": {"code": code, "message": words, "error_data": {"details": words}}},
    ]
    for body in bodies:
        for read in READERS:
            check(read(MESSAGE, Answer(status, json.dumps(body).encode())))


@given(raw=st.binary(max_size=50), status=st.sampled_from([200, 400, 503]))
@example(raw=DEEP, status=200)
@example(raw=b"1" * 5000, status=400)
def test_any_bytes(raw: bytes, status: int) -> None:
    for read in READERS:
        check(read(MESSAGE, Answer(status, raw)))
    assert not isinstance(lookup.read_page(SOUGHT, Answer(status, raw)), Found | NotFound)


@settings(deadline=None)
@given(
    listed=st.fixed_dictionaries(
        dict.fromkeys(LISTED, values) | {"date_created": dates | values},
        optional={"messaging_service_sid": values, "direction": values},
    )
)
def test_any_list(listed: dict[str, Any]) -> None:
    body = json.dumps({"messages": [listed]}).encode()
    assert isinstance(lookup.read_page(SOUGHT, Answer(200, body)), CannotTell | Found | NotFound)


@given(value=dates | st.text(st.characters()))
def test_any_time_to_wait(value: str) -> None:
    seconds = read_retry_after({"Retry-After": value, "Date": "Thu, 01 Jan 2026 00:00:00 GMT"})
    assert seconds is None or seconds >= 0


def test_an_id_that_is_too_long_to_be_kept_leaves_the_message_in_doubt() -> None:
    long = "x" * 300
    answer = Answer(201, json.dumps({"sid": long, "messages": [{"id": long}]}).encode())
    assert all(isinstance(read(MESSAGE, answer), Ambiguous) for read in READERS)
    page = Answer(200, json.dumps({"messages": [LISTED | {"sid": long}]}).encode())
    assert isinstance(lookup.read_page(SOUGHT, page), CannotTell)


@pytest.mark.parametrize("sender", [{"from": "+15550100009"}, {"from": None}])
def test_the_same_words_of_another_sender_are_no_proof_of_anything(sender: dict[str, Any]) -> None:
    body = json.dumps({"messages": [LISTED | sender]}).encode()
    assert isinstance(lookup.read_page(SOUGHT, Answer(200, body)), CannotTell)

"""Whatever a body holds: events, or one error that says so."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.providers.events import (
    AccountHalt,
    InboundReply,
    LimitChange,
    MalformedEventError,
    NumberChange,
    OtherEvent,
    ProviderEvent,
    StatusReport,
    TemplateChange,
)
from pipeline.providers.inbound_events import read_inbound
from pipeline.providers.twilio.events import parse_twilio_body, read_twilio
from pipeline.providers.whatsapp.events import read_whatsapp

PAYLOADS = Path(__file__).parent / "payloads"
WHATSAPP = [json.loads(path.read_text()) for path in sorted(PAYLOADS.glob("whatsapp_*.json"))]
TWILIO = [
    case["form"]
    for case in json.loads((PAYLOADS / "twilio_forms.json").read_text())["cases"].values()
]
INBOUND = [
    {
        "id": "in-1",
        "from": "+5511999990001",
        "to": "+551130000000",
        "body": "sair",
        "received_at": "2026-11-21T17:00:00-03:00",
        "channel": "sms",
    }
]
FORM = "application/x-www-form-urlencoded"

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["messages", "statuses", "text", "system", "failed", "x" * 300, "1780000000"])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every node but the root: what holds it, and under which key or index."""
    if isinstance(value, dict):
        here = list(value)
    elif isinstance(value, list):
        here = list(range(len(value)))
    else:
        return []
    return [(value, key) for key in here] + [place for key in here for place in places(value[key])]


@st.composite
def mutations(draw: Callable[..., Any], samples: list[Any]) -> Any:
    document = copy.deepcopy(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 3))):
        found = places(document)
        if not found:
            break
        holder, key = draw(st.sampled_from(found))
        if draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = draw(values)
    return document


def check(events: list[ProviderEvent]) -> None:
    for event in events:
        assert isinstance(event, get_args(ProviderEvent))
        if isinstance(event, OtherEvent):
            assert event.kind.isascii()
            assert len(event.kind) < 50
            continue
        if isinstance(event, TemplateChange | AccountHalt | LimitChange):
            assert event.occurred_at is None or event.occurred_at.tzinfo is not None
            for text in (getattr(event, name, "") for name in ("name", "language", "word")):
                assert len(text) <= 256
                assert "\0" not in text
            continue
        assert 0 < len(event.provider_id) <= 256
        if isinstance(event, InboundReply | NumberChange):
            assert event.person.phone or event.person.user_id
            assert event.addresses
            assert all(event.addresses)
        texts = [event.provider_id]
        if isinstance(event, InboundReply):
            assert len(event.body) <= 4096
            texts += [event.body, event.payload or ""]
        if isinstance(event, StatusReport):
            texts += [event.code or "", event.detail or ""]
        for text in texts:
            assert "\0" not in text
            text.encode()  # no half surrogates
        assert event.occurred_at is None or event.occurred_at.tzinfo is not None


@settings(max_examples=400, deadline=None)
@given(document=mutations(WHATSAPP))
def test_whatsapp(document: Any) -> None:
    try:
        events = read_whatsapp(json.dumps(document).encode())
    except MalformedEventError:
        return
    check(events)


@settings(max_examples=200, deadline=None)
@given(document=mutations(WHATSAPP))
def test_a_mutation_of_one_leaves_the_other(document: Any) -> None:
    good = copy.deepcopy(WHATSAPP[NAMES.index("whatsapp_in_text_stop")])
    entries = document.get("entry")
    good["entry"] += entries if isinstance(entries, list) else [entries]
    stop = read_whatsapp(json.dumps(good).encode())[0]
    assert isinstance(stop, InboundReply)
    assert stop.body == "Stop "


NAMES = [path.stem for path in sorted(PAYLOADS.glob("whatsapp_*.json"))]


@settings(max_examples=200, deadline=None)
@given(document=mutations(TWILIO), query=st.dictionaries(st.just("m"), st.text()))
def test_twilio_in_json(document: Any, query: dict[str, str]) -> None:
    raw = json.dumps(document).encode()
    try:
        events = read_twilio(parse_twilio_body(raw, "application/json"), query)
    except MalformedEventError:
        return
    check(events)


@settings(max_examples=200, deadline=None)
@given(raw=st.binary() | st.text(st.characters(codec="ascii")).map(str.encode))
def test_twilio_in_a_form(raw: bytes) -> None:
    try:
        events = read_twilio(parse_twilio_body(raw, FORM), {})
    except MalformedEventError:
        return
    check(events)


@settings(max_examples=200, deadline=None)
@given(
    fields=st.dictionaries(
        st.sampled_from(sorted({name for form in TWILIO for name in form})),
        st.lists(st.text(st.characters()) | st.sampled_from(["whatsapp:", "+1", "rcs:x"])),
    )
)
def test_twilio_fields(fields: dict[str, list[str]]) -> None:
    try:
        events = read_twilio(fields, {})
    except MalformedEventError:
        return
    check(events)


@settings(max_examples=200, deadline=None)
@given(document=mutations(INBOUND))
def test_inbound(document: Any) -> None:
    try:
        events = read_inbound(json.dumps(document).encode())
    except MalformedEventError:
        return
    check(events)


@given(raw=st.binary())
def test_no_json_at_all(raw: bytes) -> None:
    for read in (read_whatsapp, read_inbound):
        with pytest.raises(MalformedEventError):
            read(raw)

import pytest

from pipeline.providers.events import InboundReply, NumberChange, OtherEvent, Person, ProviderEvent
from pipeline.providers.whatsapp.events import read_whatsapp
from tests.unit.providers.whatsapp import (
    BOTH,
    CONTACT,
    PHONE,
    body,
    change,
    message,
    read_message,
    read_one,
    reply,
)


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        ("image", {"caption": "STOP", "id": "1"}, reply(body="STOP")),
        ("video", {"id": "1"}, reply()),
        ("audio", {"id": "1"}, reply()),
        ("order", {"text": "sair", "product_items": []}, reply(body="sair")),
        ("button", {"text": "Parar"}, reply(body="Parar")),
        (
            "interactive",
            {"type": "list_reply", "list_reply": {"id": "STOP", "title": "Leave"}},
            reply(body="Leave", payload="STOP"),
        ),
        (
            "edit",
            {
                "original_message_id": "wamid.0",
                "message": {"type": "text", "text": {"body": "BAJA"}},
            },
            reply(body="BAJA"),
        ),
        ("reaction", {"message_id": "wamid.0", "emoji": "🛑"}, OtherEvent(kind="reaction")),
        ("location", {"latitude": 1}, OtherEvent(kind="location")),
        ("unsupported", None, OtherEvent(kind="unsupported")),
        ("interactive", {"type": "nfm_reply"}, OtherEvent(kind="flow_reply")),
        ("interactive", {"type": "brand_new"}, OtherEvent(kind="unknown_interactive")),
        ("system", {"type": "customer_identity_changed"}, OtherEvent(kind="system")),
        ("<script>", {"body": "x"}, OtherEvent(kind="unknown_message")),
        ("text", None, OtherEvent(kind="malformed")),
        ("button", {}, OtherEvent(kind="malformed")),
        ("system", {"type": "user_changed_number"}, OtherEvent(kind="malformed")),
    ],
)
def test_kinds_of_messages(kind: str, content: object, expected: ProviderEvent) -> None:
    assert read_message(kind, content) == expected


def test_what_is_quoted_is_not_said() -> None:
    event = read_message(
        "text", {"body": "ok"}, context={"id": "wamid.0", "body": "Reply STOP to opt out"}
    )
    assert event == reply(body="ok")


def test_a_conversation_that_somebody_else_answers_is_heard_all_the_same() -> None:
    raw = body(change("standby", messages=[message("text", {"body": "STOP"})]))
    assert read_one(raw) == reply(body="STOP")


def test_contacts_tell_who_goes_by_which_id() -> None:
    other = {"wa_id": "5511999990003", "user_id": "BR.3"}
    by_phone = message("text", {"body": "a"})
    by_id = {**message("text", {"body": "b"}, from_user_id="BR.3"), "from": None}
    stranger = {**message("text", {"body": "c"}), "from": "5511999990009"}
    nobody = {**message("text", {"body": "d"}), "from": None}
    raw = body(change(contacts=[CONTACT, other], messages=[by_phone, by_id, stranger, nobody]))

    people = [
        event.person if isinstance(event, InboundReply) else event for event in read_whatsapp(raw)
    ]
    assert people == [
        BOTH,
        Person(phone="5511999990003", user_id="BR.3"),
        Person(phone="5511999990009"),
        OtherEvent(kind="malformed"),
    ]


def test_a_new_number_brings_a_new_id() -> None:
    event = read_message(
        "system",
        {
            "type": "user_changed_number",
            "wa_id": "5511999990002",
            "user_id": "BR.2",
            "previous_user_id": "BR.1",
        },
        from_user_id="BR.2",
    )
    assert isinstance(event, NumberChange)
    assert event.person == Person(phone=PHONE, user_id="BR.1")
    assert event.new == Person(phone="5511999990002", user_id="BR.2")


def test_a_new_id_of_somebody_without_a_number() -> None:
    event = read_message(
        "system",
        {"type": "user_changed_user_id", "user_id": "BR.2", "previous_user_id": "BR.1"},
        **{"from": None, "from_user_id": "BR.2"},
    )
    assert isinstance(event, NumberChange)
    assert event.person == Person(phone=None, user_id="BR.1")
    assert event.new == Person(phone=None, user_id="BR.2")


def test_contacts_that_know_the_new_id_already_say_nothing_of_the_old() -> None:
    renewed = {"wa_id": PHONE, "user_id": "BR.2"}
    system = {"type": "user_changed_number", "wa_id": "5511999990002", "user_id": "BR.2"}
    event = read_one(body(change(contacts=[renewed], messages=[message("system", system)])))
    assert isinstance(event, NumberChange)
    assert event.person == Person(phone=PHONE, user_id=None)

    moved = {"wa_id": "5511999990002", "user_id": "BR.1"}
    system["previous_user_id"] = "BR.1"
    by_id = {**message("system", system), "from": None}
    event = read_one(body(change(contacts=[moved], messages=[by_id])))
    assert isinstance(event, NumberChange)
    assert event.person == Person(phone=None, user_id="BR.1")

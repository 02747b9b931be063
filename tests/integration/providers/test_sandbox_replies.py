"""People behind the sandbox's numbers write back, as Twilio and WhatsApp bring it."""

import hmac
import json
import urllib.error
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from tests.integration.providers.receiver import Received, Receiver
from workers.clock import machine_seconds

PERSON = "+5511999990001"
SMS = {"channel": "sms", "from": PERSON, "to": "+15550100001", "body": "SAIR não é só 🙂"}
WHATSAPP = {"channel": "whatsapp", "from": PERSON, "to": "900000000000002", "body": "Sair já"}


def value_of(received: Received) -> dict[str, Any]:
    content = json.loads(received.body)
    assert content["object"] == "whatsapp_business_account"
    [change] = content["entry"][0]["changes"]
    value: dict[str, Any] = change["value"]
    return value | {"field": change["field"]}


def test_an_sms_comes_as_twilio_brings_it(calling_sandbox: Any, receiver: Receiver) -> None:
    before = machine_seconds()
    [result] = calling_sandbox.reply({**SMS, "id": "SM7", "opt_out_type": "STOP"})

    [received] = receiver.received
    form = received.form
    assert received.path == "/webhooks/twilio/acme"
    assert (form["MessageSid"], form["SmsStatus"], form["OptOutType"]) == (
        "SM7",
        "received",
        "STOP",
    )
    assert (form["From"], form["To"], form["Body"]) == (PERSON, "+15550100001", SMS["body"])
    assert RequestValidator("token").validate(
        received.url, form, received.headers["X-Twilio-Signature"]
    )
    assert (result["id"], result["status"], result["attempts"]) == ("SM7", 200, 1)
    assert before <= result["sent_at"] <= result["answered_at"] <= machine_seconds()
    spent = 1000 * (result["answered_at"] - result["sent_at"])
    assert result["milliseconds"] == pytest.approx(spent, abs=0.01)


def test_a_text_comes_as_whatsapp_brings_it(calling_sandbox: Any, receiver: Receiver) -> None:
    calling_sandbox.reply({**WHATSAPP, "id": "wamid.7", "user_id": "BR.9", "timestamp": 1780000000})

    [received] = receiver.received
    assert received.path == "/webhooks/whatsapp/acme"
    signature = "sha256=" + hmac.new(b"secret", received.body, sha256).hexdigest()
    assert received.headers["X-Hub-Signature-256"] == signature
    assert received.body.isascii()  # as Meta: signed with everything else escaped
    value = value_of(received)
    assert value["metadata"]["phone_number_id"] == "900000000000002"
    assert value["contacts"][0]["wa_id"] == "5511999990001"
    assert value["messages"] == [
        {
            "from": "5511999990001",
            "from_user_id": "BR.9",
            "id": "wamid.7",
            "timestamp": "1780000000",
            "type": "text",
            "text": {"body": "Sair já"},
        }
    ]


def test_a_button_and_a_setting(calling_sandbox: Any, receiver: Receiver) -> None:
    person = {"channel": "whatsapp", "from": PERSON, "to": "1"}
    button = {"payload": "STOP:cmp_42", "text": "Parar promoções"}
    calling_sandbox.reply({**person, "button": button})
    calling_sandbox.reply({**person, "preference": "stop", "timestamp": 1780000000})

    pressed, switched = (value_of(each) for each in receiver.received)
    assert pressed["messages"][0]["type"] == "button"
    assert pressed["messages"][0]["button"] == button
    assert switched["field"] == "user_preferences"
    [setting] = switched["user_preferences"]
    assert setting["wa_id"] == "5511999990001"
    assert (setting["category"], setting["value"]) == ("marketing_messages", "stop")
    assert setting["timestamp"] == 1780000000


def test_a_person_without_a_number(calling_sandbox: Any, receiver: Receiver) -> None:
    calling_sandbox.reply({"channel": "whatsapp", "user_id": "BR.9", "to": "1", "body": "SAIR"})
    value = value_of(receiver.received[0])
    assert "from" not in value["messages"][0]
    assert value["messages"][0]["from_user_id"] == "BR.9"
    assert "wa_id" not in value["contacts"][0]


def test_the_same_event_several_times(calling_sandbox: Any, receiver: Receiver) -> None:
    results = calling_sandbox.reply([{**SMS, "times": 3}, {**WHATSAPP, "times": 2}])

    assert [result["status"] for result in results] == [200] * 5
    sms, whatsapp = {result["id"] for result in results[:3]}, {r["id"] for r in results[3:]}
    assert len(sms) == len(whatsapp) == 1
    bodies = [each.body for each in receiver.received if "twilio" in each.path]
    assert len(bodies) == 3
    assert len(set(bodies)) == 1


def test_every_event_has_an_id_of_its_own(calling_sandbox: Any, receiver: Receiver) -> None:
    results = calling_sandbox.reply([SMS, SMS, WHATSAPP])
    assert len({result["id"] for result in results}) == 3
    assert {each.form["MessageSid"] for each in receiver.received if "twilio" in each.path} == {
        result["id"] for result in results[:2]
    }


def test_results_come_in_the_order_of_the_replies(calling_sandbox: Any, receiver: Receiver) -> None:
    receiver.statuses = [200, 403, 400]
    replies = [{**SMS, "id": f"SM{n}"} for n in range(4)]
    results = calling_sandbox.reply({"replies": replies, "concurrency": 1})
    assert [result["id"] for result in results] == ["SM0", "SM1", "SM2", "SM3"]
    assert [result["status"] for result in results] == [200, 403, 400, 200]


def test_as_many_at_once_as_wanted(calling_sandbox: Any, receiver: Receiver) -> None:
    receiver.delay = 0.05
    calling_sandbox.reply({"replies": [SMS] * 40, "concurrency": 8})
    assert len(receiver.received) == 40
    assert receiver.together == 8


def test_a_steady_rate(calling_sandbox: Any) -> None:
    results = calling_sandbox.reply({"replies": [SMS] * 20, "per_second": 50, "concurrency": 20})
    began = [result["sent_at"] for result in results]
    assert 0.3 < began[-1] - began[0] < 0.8
    assert all(later - earlier > 0.002 for earlier, later in pairwise(began))


def test_a_reply_is_posted_again_while_the_webhook_is_away(
    calling_sandbox: Any, receiver: Receiver
) -> None:
    receiver.statuses = [503, 503]
    [result] = calling_sandbox.reply(SMS)
    assert (result["status"], result["attempts"]) == (200, 3)
    assert len({each.body for each in receiver.received}) == 1
    assert calling_sandbox.stats()["webhooks"]["repeated"] == 2


def test_a_reply_is_given_up_in_the_end(calling_sandbox: Any, receiver: Receiver) -> None:
    receiver.statuses = [503] * 9
    [result] = calling_sandbox.reply({"replies": [SMS], "retry_seconds": 0})
    assert (result["status"], result["attempts"]) == (503, 1)
    assert calling_sandbox.stats()["webhooks"]["lost"] == 1


def test_nobody_answers(calling_sandbox: Any, receiver: Receiver) -> None:
    receiver.close()
    [result] = calling_sandbox.reply({"replies": [SMS], "retry_seconds": 0.3})
    assert result["status"] is None
    assert result["attempts"] > 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"channel": "email"}, "replies.0.channel"),
        ({"to": ""}, "replies.0.to"),
        ({"body": 7}, "replies.0.body"),
        ({"body": None}, "one of body, button and preference"),
        ({"preference": "stop"}, "one of body, button and preference"),
        ({"body": None, "preference": "stop"}, "an SMS has from and body"),
        ({"opt_out_type": "MAYBE"}, "replies.0.opt_out_type"),
        ({"times": 0}, "replies.0.times"),
        ({"whom": "me"}, "replies.0.whom"),
    ],
)
def test_a_wrong_reply_is_refused(
    calling_sandbox: Any, receiver: Receiver, changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        calling_sandbox.reply([{**SMS, **changes}])
    with error.value:
        assert error.value.code == 400
        assert complaint in json.loads(error.value.read())["detail"]
    assert receiver.received == []


def test_ten_thousand_fit_into_one_request_and_one_more_does_not(
    calling_sandbox: Any, receiver: Receiver
) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        calling_sandbox.reply([{**SMS, "body": "x" * 200}] * 10_001)
    with error.value:
        assert "at most 10000 items" in json.loads(error.value.read())["detail"]
    assert receiver.received == []


def test_without_a_webhook_nobody_can_reply(sandbox: Any) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        sandbox.reply(SMS)
    with error.value:
        assert "--webhook-url" in json.loads(error.value.read())["detail"]

"""The sandbox tells what became of messages, as Twilio and WhatsApp do."""

import hmac
import itertools
import json
import urllib.error
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from pipeline.providers.base import Accepted
from tests.integration.providers.receiver import Received, Receiver
from workers.clock import machine_seconds

WaitFor = Callable[..., None]


def statuses(received: Received) -> list[dict[str, Any]]:
    [change] = json.loads(received.body)["entry"][0]["changes"]
    assert change["field"] == "messages"
    found: list[dict[str, Any]] = change["value"]["statuses"]
    return found


def test_an_sms_is_told_of_at_the_address_that_its_request_named(
    calling_sandbox: Any, receiver: Receiver, send: Any, message: Any, wait_for: WaitFor
) -> None:
    calling_sandbox.behave(callbacks=True)
    callback = f"{receiver.address}/elsewhere?x=%C3%A9%20"

    [result] = send(calling_sandbox.address, message("sms", message_id=42), callback=callback)
    wait_for(lambda: len(receiver.received) == 2)

    assert isinstance(result, Accepted)
    told = receiver.received
    assert [each.form["MessageStatus"] for each in told] == ["sent", "delivered"]
    for each in told:
        assert each.path == "/elsewhere"
        assert each.url.endswith("&m=42")
        assert each.form["MessageSid"] == result.provider_id
        assert each.form["To"] == "+5511999990001"
        assert each.form["From"] == "+15550100001"
        assert each.form["AccountSid"] == "AC1"
        judge = RequestValidator("token")
        assert judge.validate(each.url, each.form, each.headers["X-Twilio-Signature"])
        other = each.form | {"MessageStatus": "failed"}
        assert not judge.validate(each.url, other, each.headers["X-Twilio-Signature"])


def test_whatsapp_statuses_come_together_in_few_documents(
    calling_sandbox: Any, receiver: Receiver, send: Any, message: Any, wait_for: WaitFor
) -> None:
    calling_sandbox.behave(callbacks=True, callback_delay_ms=300)
    messages = [message("whatsapp", message_id=n, sender_address="90001") for n in range(250)]
    results = send(calling_sandbox.address, *messages)
    wait_for(lambda: sum(len(statuses(each)) for each in receiver.received) == 500)

    found = [status for each in receiver.received for status in statuses(each)]
    assert max(len(statuses(each)) for each in receiver.received) == 100
    assert len(receiver.received) < 30
    assert Counter(status["status"] for status in found) == {"sent": 250, "delivered": 250}
    assert {status["biz_opaque_callback_data"] for status in found} == {str(n) for n in range(250)}
    assert {status["id"] for status in found} == {result.provider_id for result in results}
    assert {status["recipient_id"] for status in found} == {"5511999990001"}
    for each in receiver.received:
        assert each.path == "/webhooks/whatsapp/acme"
        signature = "sha256=" + hmac.new(b"secret", each.body, sha256).hexdigest()
        assert each.headers["X-Hub-Signature-256"] == signature
        value = json.loads(each.body)["entry"][0]["changes"][0]["value"]
        assert value["metadata"]["phone_number_id"] == "90001"


def test_statuses_come_in_order_and_not_before_their_time(
    calling_sandbox: Any, receiver: Receiver, send: Any, message: Any, wait_for: WaitFor
) -> None:
    calling_sandbox.behave(callbacks=True, callback_delay_ms=250)
    send(calling_sandbox.address, message("whatsapp"))
    wait_for(lambda: len(receiver.received) == 2)

    first, second = receiver.received
    assert [statuses(first)[0]["status"], statuses(second)[0]["status"]] == ["sent", "delivered"]
    assert second.at - first.at > 0.2


def test_a_document_is_of_one_sender(
    calling_sandbox: Any, receiver: Receiver, send: Any, message: Any, wait_for: WaitFor
) -> None:
    calling_sandbox.behave(callbacks=True, callback_delay_ms=200)
    messages = [message("whatsapp", sender_address=str(n % 2), message_id=n) for n in range(10)]
    send(calling_sandbox.address, *messages)
    wait_for(lambda: sum(len(statuses(each)) for each in receiver.received) == 20)

    for each in receiver.received:
        value = json.loads(each.body)["entry"][0]["changes"][0]["value"]
        parity = int(value["metadata"]["phone_number_id"])
        assert {int(entry["biz_opaque_callback_data"]) % 2 for entry in statuses(each)} == {parity}


@pytest.mark.parametrize(
    "case",
    [*itertools.product(["sms", "whatsapp"], ["hang", "close", "truncate", "garbage"])],
)
def test_a_message_whose_answer_was_lost_is_told_of(
    calling_sandbox: Any,
    receiver: Receiver,
    send: Any,
    message: Any,
    wait_for: WaitFor,
    case: tuple[str, str],
) -> None:
    channel, fault = case
    calling_sandbox.behave(callbacks=True, recipients={"+5511999990001": fault})
    callback = f"{receiver.address}/webhooks/twilio/acme"

    [result] = send(calling_sandbox.address, message(channel), timeout=0.5, callback=callback)
    wait_for(lambda: len(receiver.received) == 2)

    assert not isinstance(result, Accepted)
    if channel == "sms":
        assert all(each.url.endswith("?m=42") for each in receiver.received)
    else:
        told = [statuses(each)[0]["biz_opaque_callback_data"] for each in receiver.received]
        assert told == ["42", "42"]


def test_only_messages_that_were_taken_are_told_of(
    calling_sandbox: Any, receiver: Receiver, send: Any, message: Any, wait_for: WaitFor
) -> None:
    refused, html = "+5511999990002", "+5511999990003"
    calling_sandbox.behave(callbacks=True, recipients={refused: 131026, html: "html"})
    messages = [message("whatsapp", to=to) for to in (refused, html, "+5511999990004")]
    send(calling_sandbox.address, *messages)
    wait_for(lambda: len(receiver.received) == 2)

    told = {status["recipient_id"] for each in receiver.received for status in statuses(each)}
    assert told == {"5511999990004"}


def test_a_message_that_was_taken_may_fail_later(
    calling_sandbox: Any, receiver: Receiver, send: Any, message: Any, wait_for: WaitFor
) -> None:
    calling_sandbox.behave(callbacks=True, late_failures={"+5511999990001": 131026})
    callback = f"{receiver.address}/webhooks/twilio/acme"

    results = send(calling_sandbox.address, message("sms"), message("whatsapp"), callback=callback)
    wait_for(lambda: len(receiver.received) == 2)
    wait_for(lambda: calling_sandbox.stats()["webhooks"]["waiting"] == 0)

    assert all(isinstance(result, Accepted) for result in results)
    [sms] = [each.form for each in receiver.received if "twilio" in each.path]
    assert (sms["MessageStatus"], sms["ErrorCode"]) == ("failed", "131026")
    [document] = [each for each in receiver.received if "whatsapp" in each.path]
    [status] = statuses(document)
    assert status["status"] == "failed"
    assert status["errors"][0]["code"] == 131026


def test_nothing_is_told_unless_wanted(
    calling_sandbox: Any, receiver: Receiver, send: Any, message: Any, wait_for: WaitFor
) -> None:
    callback = f"{receiver.address}/webhooks/twilio/acme"
    send(calling_sandbox.address, message("sms"), message("whatsapp"), callback=callback)
    calling_sandbox.behave(callbacks=True)
    send(calling_sandbox.address, message("sms", message_id=43), callback=callback)
    wait_for(lambda: len(receiver.received) == 2)
    assert all(each.url.endswith("?m=43") for each in receiver.received)


def test_a_webhook_that_is_away_gets_everything_afterwards(
    calling_sandbox: Any, receiver: Receiver, send: Any, message: Any, wait_for: WaitFor
) -> None:
    receiver.statuses = [500, 503, 502]
    calling_sandbox.behave(callbacks=True)
    callback = f"{receiver.address}/webhooks/twilio/acme"
    send(calling_sandbox.address, message("sms"), callback=callback)
    wait_for(lambda: calling_sandbox.stats()["webhooks"]["taken"] == 2)

    assert len(receiver.received) == 5
    counts = calling_sandbox.stats()["webhooks"]
    assert counts == {"taken": 2, "refused": 0, "lost": 0, "repeated": 3, "waiting": 0}


def test_a_refused_callback_is_not_repeated(
    calling_sandbox: Any, receiver: Receiver, send: Any, message: Any, wait_for: WaitFor
) -> None:
    receiver.statuses = [403, 404]
    calling_sandbox.behave(callbacks=True)
    send(calling_sandbox.address, message("whatsapp"))
    wait_for(lambda: calling_sandbox.stats()["webhooks"]["refused"] == 2)
    assert len(receiver.received) == 2


def test_a_burst_of_callbacks_is_not_posted_all_at_once(
    calling_sandbox: Any, receiver: Receiver, send: Any, message: Any, wait_for: WaitFor
) -> None:
    receiver.delay = 0.05
    calling_sandbox.behave(callbacks=True)
    callback = f"{receiver.address}/webhooks/twilio/acme"
    messages = [message("sms", message_id=n) for n in range(100)]
    send(calling_sandbox.address, *messages, callback=callback)
    wait_for(lambda: len(receiver.received) == 200)
    assert 8 < receiver.together <= 32


@pytest.mark.parametrize(
    "changes",
    [
        {"callbacks": 1},
        {"callback_delay_ms": -1},
        {"late_failures": []},
        {"late_failures": {"+1": "html"}},
        {"time_lapse": {"start": 1}},
        {"time_lapse": {"start": 1, "origin": 1, "speed": "fast"}},
    ],
)
def test_a_wrong_behaviour_of_callbacks_is_refused(
    calling_sandbox: Any, changes: dict[str, object]
) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        calling_sandbox.behave(**changes)
    with error.value:
        assert error.value.code == 400
        assert next(iter(changes)) in json.loads(error.value.read())["detail"]


def test_without_a_webhook_there_are_no_callbacks(sandbox: Any) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        sandbox.behave(callbacks=True)
    with error.value:
        assert "--webhook-url" in json.loads(error.value.read())["detail"]


def test_in_a_time_lapse_the_provider_tells_its_time(
    calling_sandbox: Any, receiver: Receiver, send: Any, message: Any, wait_for: WaitFor
) -> None:
    origin, start = machine_seconds(), 1_900_000_000
    lapse = {"start": start, "origin": origin, "speed": 3600}
    calling_sandbox.behave(callbacks=True, time_lapse=lapse)
    send(calling_sandbox.address, message("whatsapp"))
    wait_for(lambda: len(receiver.received) == 2)
    person = {"channel": "whatsapp", "from": "+5511999990001", "to": "1", "body": "oi"}
    calling_sandbox.reply(person)

    reply = json.loads(receiver.received.pop().body)["entry"][0]["changes"][0]["value"]["messages"]
    told = [int(statuses(each)[0]["timestamp"]) for each in receiver.received]
    told.append(int(reply[0]["timestamp"]))
    passed = 3600 * (machine_seconds() - origin)
    assert start < told[0] < told[1] < told[2] <= start + passed

"""Twilio's look-up: what an account has sent to a number."""

import base64
import json
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import pytest

from pipeline.providers.base import Accepted, Ambiguous
from workers.clock import machine_seconds

PERSON, OTHER = "+5511999990001", "+5511999990002"


def look_up(sandbox: Any, path: str) -> Any:
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{sandbox.address}/2010-04-01/Accounts/AC1/{path}",
        headers={"Authorization": f"Basic {base64.b64encode(b'AC1:x').decode()}"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own server
        return json.loads(answer.read())


def status_of(sandbox: Any, path: str) -> int:
    with pytest.raises(urllib.error.HTTPError) as error:
        look_up(sandbox, path)
    with error.value:
        return error.value.code


def test_a_message_whose_answer_was_lost_is_found(sandbox: Any, send: Any, message: Any) -> None:
    sandbox.behave(recipients={PERSON: "close"})
    before = int(machine_seconds())
    [result] = send(sandbox.address, message("sms", to=PERSON))

    found = look_up(sandbox, f"Messages.json?To={quote(PERSON)}")["messages"]

    assert isinstance(result, Ambiguous)
    [resource] = found
    assert (resource["to"], resource["from"]) == (PERSON, "+15550100001")
    assert resource["status"] == "delivered"
    assert before <= parsedate_to_datetime(resource["date_sent"]).timestamp() <= machine_seconds()
    assert look_up(sandbox, f"Messages/{resource['sid']}.json") == resource


def test_only_sms_that_were_taken_are_found_the_newest_first(
    sandbox: Any, send: Any, message: Any
) -> None:
    sandbox.behave(recipients={OTHER: 30008})
    sent = [message("sms", message_id=n, to=PERSON) for n in range(3)]
    results = [send(sandbox.address, each)[0] for each in sent]
    send(sandbox.address, message("whatsapp", to=PERSON), message("sms", to=OTHER))

    page = look_up(sandbox, f"Messages.json?To={quote(PERSON)}")

    assert all(isinstance(result, Accepted) for result in results)
    sids = [resource["sid"] for resource in page["messages"]]
    assert sids == [result.provider_id for result in reversed(results)]
    assert page["next_page_uri"] is None
    assert look_up(sandbox, f"Messages.json?To={quote(OTHER)}")["messages"] == []


def test_pages(sandbox: Any, send: Any, message: Any) -> None:
    send(sandbox.address, *(message("sms", message_id=n, to=PERSON) for n in range(5)))
    prefix = "/2010-04-01/Accounts/AC1/"
    page = look_up(sandbox, f"Messages.json?To={quote(PERSON)}&PageSize=2")
    pages = [page["messages"]]
    while page["next_page_uri"] is not None:
        page = look_up(sandbox, page["next_page_uri"].removeprefix(prefix))
        pages.append(page["messages"])
    sizes = [len(messages) for messages in pages]
    sids = [resource["sid"] for messages in pages for resource in messages]
    assert sizes == [2, 2, 1]
    assert len(set(sids)) == 5


def test_by_sender(sandbox: Any, send: Any, message: Any) -> None:
    service = "MG22222222222222222222222222222222"
    send(sandbox.address, message("sms"), message("sms", sender_address=service))
    query = f"Messages.json?To={quote(PERSON)}&From={quote('+15550100001')}"
    assert len(look_up(sandbox, query)["messages"]) == 1
    both = look_up(sandbox, f"Messages.json?To={quote(PERSON)}")["messages"]
    assert {each["messaging_service_sid"] for each in both} == {None, service}


def test_a_message_that_failed_later(sandbox: Any, send: Any, message: Any) -> None:
    sandbox.behave(late_failures={PERSON: 30005})
    [result] = send(sandbox.address, message("sms", to=PERSON))
    resource = look_up(sandbox, f"Messages/{result.provider_id}.json")
    assert (resource["status"], resource["error_code"]) == ("failed", 30005)


def test_what_is_not_there(sandbox: Any, send: Any, message: Any) -> None:
    assert look_up(sandbox, f"Messages.json?To={quote(PERSON)}")["messages"] == []
    [result] = send(sandbox.address, message("whatsapp"))
    for sid in ("SM1", "SMx", f"SM{'f' * 32}", result.provider_id.removeprefix("wamid.")):
        assert status_of(sandbox, f"Messages/{sid}.json") == 404
    for query in ("", "?To=", f"?To={quote(PERSON)}&PageSize=0", f"?To={quote(PERSON)}&Page=x"):
        assert status_of(sandbox, f"Messages.json{query}") == 400


def test_a_look_up_needs_the_account(sandbox: Any) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        sandbox.get(f"/2010-04-01/Accounts/AC1/Messages.json?To={quote(PERSON)}")
    with error.value:
        assert error.value.code == 401

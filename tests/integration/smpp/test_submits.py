"""What becomes of a message at an SMSC: one table of its answers, and how it looks on the wire."""

import asyncio
from typing import Any

import pytest

from pipeline.providers.base import (
    Accepted,
    Action,
    Ambiguous,
    NotStarted,
    Rejected,
    SendResult,
)
from pipeline.providers.smpp.account import LongTexts, ReceiptIds
from pipeline.providers.smpp.provider import SmppProvider
from tests.integration.smpp.sending import account, message, run, send, until
from tests.integration.smpp.smsc import Smsc

LONG = "Acme: " + "fifteen percent off everything in every shop. " * 8
"""374 letters of GSM-7: three parts."""


def test_a_message_is_taken_and_named(smsc: Smsc) -> None:
    (result,) = send(account(smsc.address, system_type="bulk"), message(validity_seconds=7384))
    assert result == Accepted("1001", receipt_ids=("1001",))
    (bind,) = smsc.log()["binds"]
    assert bind == {
        "mode": "transmitter",
        "system_id": "acme",
        "password": "secret",
        "system_type": "bulk",
        "version": 0x34,
    }
    (submit,) = smsc.log()["submits"]
    assert abs(submit.pop("validity") - 7384) <= 2
    assert submit == {
        "from": [1, 1, "15550100001"],
        "to": [1, 1, "5511999990001"],
        "esm_class": 0,
        "data_coding": 0,
        "registered": 1,
        "header": "",
        "text": "Acme: your order is on its way.",
        "payload": "",
        "system_id": "acme",
    }
    assert smsc.log()["unbinds"] == 1


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("+15550100001", [1, 1, "15550100001"]),
        ("15550100001", [1, 1, "15550100001"]),
        ("72345", [3, 0, "72345"]),
        ("ACMEIN", [5, 0, "ACMEIN"]),
    ],
)
def test_a_sender_is_a_number_a_short_code_or_a_name(
    smsc: Smsc, address: str, wanted: list[Any]
) -> None:
    send(account(smsc.address), message(sender_address=address))
    assert smsc.log()["submits"][0]["from"] == wanted


@pytest.mark.parametrize(
    "changes",
    [
        {"sender_address": "a name that is too long"},
        {"to": ""},
        {"to": "12"},
        {"body": "x" * 40_000},
    ],
)
def test_what_no_sms_can_be_is_final_and_never_leaves(smsc: Smsc, changes: dict[str, Any]) -> None:
    (result,) = send(account(smsc.address), message(**changes))
    assert isinstance(result, Rejected)
    assert (result.action, result.code) == (Action.FAIL, "unsendable")
    assert smsc.log()["submits"] == []


def test_letters_outside_gsm_travel_as_ucs_2(smsc: Smsc) -> None:
    send(account(smsc.address), message(body="नमस्ते 🙂"))
    (submit,) = smsc.log()["submits"]
    assert (submit["data_coding"], submit["text"]) == (8, "नमस्ते 🙂")


def test_a_long_text_leaves_in_parts_that_join(smsc: Smsc) -> None:
    (result,) = send(account(smsc.address, window=1), message(body=LONG))
    submits = smsc.log()["submits"]
    assert "".join(one["text"] for one in submits) == LONG
    assert [one["esm_class"] for one in submits] == [0x40] * 3
    reference = submits[0]["header"][4:6]
    assert [one["header"] for one in submits] == [f"0003{reference}03{n:02}" for n in (1, 2, 3)]
    assert result == Accepted("1001", segments=3, receipt_ids=("1001", "1002", "1003"))


def test_an_smsc_may_be_given_a_long_text_whole(smsc: Smsc) -> None:
    (result,) = send(account(smsc.address, long_texts=LongTexts.PAYLOAD), message(body=LONG))
    (submit,) = smsc.log()["submits"]
    assert (submit["payload"], submit["text"], submit["esm_class"]) == (LONG, "", 0)
    assert isinstance(result, Accepted)


def test_ids_are_kept_as_receipts_will_write_them(smsc: Smsc) -> None:
    smsc.conduct(next=[{"id": "000A3F"}, {"id": "000A3F"}])
    (same,) = send(account(smsc.address), message())
    (decimal,) = send(account(smsc.address, receipt_ids=ReceiptIds.HEX_THEN_DECIMAL), message())
    assert isinstance(same, Accepted)
    assert isinstance(decimal, Accepted)
    assert (same.receipt_ids, decimal.receipt_ids) == (("a3f",), ("2623",))


@pytest.mark.parametrize(
    ("status", "action", "code"),
    [
        (0x58, Action.SLOW_SENDER, "ESME_RTHROTTLED"),
        (0x14, Action.SLOW_SENDER, "ESME_RMSGQFUL"),
        (0x08, Action.RETRY_LATER, "ESME_RSYSERR"),
        (0x0B, Action.FAIL, "ESME_RINVDSTADR"),
        (0x0A, Action.HALT_SENDER, "ESME_RINVSRCADR"),
        (0x66, Action.FAIL_FILTERED, "ESME_RX_R_APPN"),
        (0x45, Action.RETRY_LATER, "ESME_RSUBMITFAIL"),
        (0x0412, Action.FAIL, "0x00000412"),
    ],
)
def test_a_refusal_is_read_from_the_table(
    smsc: Smsc, status: int, action: Action, code: str
) -> None:
    smsc.conduct(submit={"status": status})
    (result,) = send(account(smsc.address), message())
    assert isinstance(result, Rejected)
    assert (result.action, result.code, result.known) == (action, code, status < 0x400)


def test_trouble_of_the_smsc_s_own_ends_after_a_few_tries(smsc: Smsc) -> None:
    smsc.conduct(submit={"status": 0x08})
    results = send(account(smsc.address), *(message(attempt=attempt) for attempt in (1, 2, 3)))
    actions = [result.action for result in results if isinstance(result, Rejected)]
    assert actions == [Action.RETRY_LATER, Action.RETRY_LATER, Action.FAIL]


def test_a_nack_of_a_submit_is_a_refusal(smsc: Smsc) -> None:
    smsc.conduct(submit={"nack": 0x02})
    (result,) = send(account(smsc.address), message())
    assert isinstance(result, Rejected)
    assert result.code == "ESME_RINVCMDLEN"


@pytest.mark.parametrize(
    "conduct", [{"silent": True}, {"close": True}, {"id": ""}, {"status": 0xFF}]
)
def test_without_a_clear_answer_nobody_can_tell(smsc: Smsc, conduct: dict[str, Any]) -> None:
    smsc.conduct(submit=conduct)
    (result,) = send(account(smsc.address, request_timeout=0.5), message())
    assert isinstance(result, Ambiguous)
    assert len(smsc.log()["submits"]) == 1


def test_every_message_on_a_lost_connection_is_unknown_and_none_is_repeated(smsc: Smsc) -> None:
    smsc.conduct(
        submit={"silent": True}, next=[{"silent": True}, {"silent": True}, {"close": True}]
    )
    results = send(account(smsc.address, window=3), *(message(message_id=n) for n in range(3)))
    assert all(isinstance(result, Ambiguous) for result in results)
    assert len(smsc.log()["submits"]) == 3


@pytest.mark.parametrize(
    ("conducts", "wanted"),
    [
        ([{}, {"status": 0x58}, {}], Ambiguous),
        ([{}, {}, {"silent": True}], Ambiguous),
        ([{"status": 0x58}] * 3, Rejected),
        ([{"status": 0x58}, {"silent": True}, {"status": 0x58}], Ambiguous),
    ],
)
def test_a_text_of_which_a_part_was_taken_is_never_sent_again(
    smsc: Smsc, conducts: list[dict[str, Any]], wanted: type
) -> None:
    smsc.conduct(next=conducts)
    (result,) = send(account(smsc.address, request_timeout=0.5), message(body=LONG))
    assert isinstance(result, wanted)


def test_the_parts_that_were_taken_are_told_for_their_receipts(smsc: Smsc) -> None:
    smsc.conduct(next=[{}, {"status": 0x58}, {}])
    (result,) = send(account(smsc.address), message(body=LONG))
    assert isinstance(result, Ambiguous)
    assert (result.receipt_ids, result.parts) == (("1001", "1003"), 3)


def test_no_more_submits_than_the_window_are_unanswered(smsc: Smsc) -> None:
    smsc.conduct(submit={"delay_ms": 300})

    async def work(provider: SmppProvider) -> list[SendResult]:
        first = [asyncio.create_task(provider.send(message())) for _ in range(4)]
        await until(lambda: len(smsc.log()["submits"]) == 4)
        late = [asyncio.create_task(provider.send(message(), start_within=0.05)) for _ in range(9)]
        results = await asyncio.gather(*late)
        assert len((await asyncio.to_thread(smsc.log))["submits"]) == 4
        return [*results, *await asyncio.gather(*first)]

    results = run(account(smsc.address, window=4), work)
    assert results[:9] == [NotStarted()] * 9
    assert all(isinstance(result, Accepted) for result in results[9:])


def test_many_at_once_are_all_answered_for_themselves(smsc: Smsc) -> None:
    smsc.conduct(submit={"delay_ms": 5})
    results = send(account(smsc.address, window=50), *(message(message_id=n) for n in range(500)))
    ids = {result.provider_id for result in results if isinstance(result, Accepted)}
    assert len(ids) == len(smsc.log()["submits"]) == 500


def test_what_cannot_begin_in_time_has_not_begun(smsc: Smsc) -> None:
    async def work(provider: SmppProvider) -> SendResult:
        return await provider.send(message(), start_within=0.0)

    assert run(account(smsc.address), work) == NotStarted()
    assert smsc.log()["submits"] == []

"""What answers tell of a provider, and which halts are technical."""

import pytest

from pipeline.policy.breaker import Sign
from pipeline.providers.base import (
    Accepted,
    Action,
    Ambiguous,
    NotStarted,
    Rejected,
    SendResult,
)
from pipeline.providers.codes import judge
from pipeline.providers.health import (
    OUTAGES,
    TECHNICAL_HALTS,
    TROUBLE,
    is_outage,
    is_technical,
    read_sign,
)
from pipeline.providers.http import read_retry_after
from pipeline.providers.smpp.codes import NAMES
from pipeline.providers.twilio.codes import TWILIO
from pipeline.providers.whatsapp.codes import WHATSAPP


def _refused(action: Action, code: str) -> Rejected:
    return Rejected(action, code, "", None)


@pytest.mark.parametrize(
    ("result", "sign"),
    [
        (Accepted("SM1"), Sign.ANSWERED),
        (_refused(Action.FAIL, "21211"), Sign.ANSWERED),
        (_refused(Action.SUPPRESS, "21610"), Sign.ANSWERED),
        (_refused(Action.SLOW_RECIPIENT, "131049"), Sign.ANSWERED),
        (_refused(Action.HALT_SENDER, "131048"), Sign.ANSWERED),
        (Ambiguous("no answer in time"), Sign.FAILED),
        (Ambiguous("page", "http_500"), Sign.FAILED),
        (_refused(Action.RETRY_LATER, "unreachable"), Sign.FAILED),
        (_refused(Action.RETRY_LATER, "131016"), Sign.FAILED),
        (_refused(Action.FAIL, "131016"), Sign.FAILED),  # after a few tries
        (_refused(Action.RETRY_LATER, "http_429"), Sign.NOTHING),
        (_refused(Action.RETRY_LATER, "20429"), Sign.NOTHING),
        (_refused(Action.SLOW_SENDER, "130429"), Sign.NOTHING),
        (_refused(Action.SLOW_ACCOUNT, "80007"), Sign.FULL),
        (NotStarted(), Sign.UNREADY),
    ],
    ids=str,
)
def test_an_answer_tells(result: SendResult, sign: Sign) -> None:
    assert read_sign(result) is sign


def test_every_code_that_is_named_stands_in_a_table() -> None:
    known = {str(code) for code in (*TWILIO, *WHATSAPP)} | set(NAMES.values())
    named = OUTAGES | TROUBLE | TECHNICAL_HALTS
    ours = {"unreachable", "account_unusable"}
    assert {code for code in named if not code.startswith("http_")} - ours <= known


@pytest.mark.parametrize(
    ("action", "code", "technical"),
    [
        (Action.HALT_SENDER, "account_unusable", True),
        (Action.HALT_ACCOUNT, "190", True),
        (Action.HALT_ACCOUNT, "http_401", True),
        (Action.HALT_ACCOUNT, "30002", False),
        (Action.HALT_ACCOUNT, "130497", False),
        (Action.HALT_SENDER, "4711", False),
        (Action.HALT_DESTINATION, "190", False),
    ],
)
def test_only_what_is_known_to_be_set_up_is_technical(
    action: Action, code: str, technical: bool
) -> None:
    assert is_technical(_refused(action, code)) is technical
    violation = Rejected(action, code, "", None, violation=True)
    assert not is_technical(violation)


def test_an_outage_stays_one_when_its_few_tries_are_over() -> None:
    found = judge(WHATSAPP, code=131016, status=500, detail="", attempt=9, retry_after=None)
    assert isinstance(found, Rejected)
    assert found.action is Action.FAIL
    assert is_outage(found)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "12"}, 12.0),
        (
            {
                "Retry-After": "Mon, 23 Nov 2026 12:00:30 GMT",
                "Date": "Mon, 23 Nov 2026 12:00:00 GMT",
            },
            30.0,
        ),
        (
            {
                "Retry-After": "Mon, 23 Nov 2026 11:00:00 GMT",
                "Date": "Mon, 23 Nov 2026 12:00:00 GMT",
            },
            0.0,
        ),
        ({"Retry-After": "Mon, 23 Nov 2026 12:00:30 GMT"}, None),
        ({"Retry-After": "soon", "Date": "Mon, 23 Nov 2026 12:00:00 GMT"}, None),
        ({"Retry-After": "-3"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_how_long_a_provider_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers) == seconds

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.providers.signatures import (
    SignatureFault,
    standard_webhook_fault,
    standard_webhook_key,
    standard_webhook_ok,
)

# The example that the specification's own libraries are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - a published example
RAW = b'{"test": 2432232314}'
ID, TIMESTAMP = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330"
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
NOW = datetime.fromtimestamp(1614265330, UTC)


def fault(secret: str | None = SECRET, now: datetime = NOW, **changes: Any) -> Any:
    request = {"message_id": ID, "timestamp": TIMESTAMP, "raw": RAW, "header": SIGNATURE}
    return standard_webhook_fault(secret, now=now, **{**request, **changes})


def test_a_known_signature() -> None:
    assert fault() is None
    assert fault(SECRET.removeprefix("whsec_")) is None
    assert standard_webhook_ok(
        SECRET, message_id=ID, timestamp=TIMESTAMP, raw=RAW, header=SIGNATURE, now=NOW
    )


@pytest.mark.parametrize(
    "header",
    [
        f"v1,{'A' * 43}= {SIGNATURE}",
        f"{SIGNATURE} v1,bm90IHRoaXM=",
        f"v1a,asymmetric v2,later  {SIGNATURE} é",
    ],
)
def test_one_of_several_signatures_is_enough(header: str) -> None:
    assert fault(header=header) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"raw": RAW + b" "},
        {"message_id": "msg_other"},
        {"timestamp": str(int(TIMESTAMP) + 1)},
        {"header": SIGNATURE.removeprefix("v1,")},
        {"header": SIGNATURE.replace("v1,", "v1a,")},
        {"header": SIGNATURE[:-1]},
        {"header": SIGNATURE.replace(" ", "") + "é"},
        {"header": " "},
    ],
)
def test_what_is_not_signed_is_refused(changes: dict[str, Any]) -> None:
    assert fault(**changes) is SignatureFault.MISMATCH


@pytest.mark.parametrize("name", ["message_id", "timestamp", "header"])
@pytest.mark.parametrize("value", [None, ""])
def test_every_header_is_needed(name: str, value: str | None) -> None:
    changes: dict[str, Any] = {name: value}
    assert fault(**changes) is SignatureFault.INCOMPLETE


@pytest.mark.parametrize("timestamp", ["-1", "1614265330.0", "١٦", "1e9", "soon", "9" * 13])
def test_a_time_that_is_none(timestamp: str) -> None:
    assert fault(timestamp=timestamp) is SignatureFault.INCOMPLETE


def test_five_minutes_either_way() -> None:
    tolerance, second = timedelta(minutes=5), timedelta(seconds=1)
    assert fault(now=NOW + tolerance) is None
    assert fault(now=NOW - tolerance) is None
    assert fault(now=NOW + tolerance + second) is SignatureFault.TOO_OLD
    assert fault(now=NOW - tolerance - second) is SignatureFault.TOO_NEW


@pytest.mark.parametrize("secret", [None, "", "whsec_", "whsec_é", "not base64", "whsec_abc"])
def test_a_secret_that_is_none(secret: str | None) -> None:
    assert standard_webhook_key(secret) is None
    assert fault(secret) is SignatureFault.UNCONFIGURED


def test_an_empty_key_signs_nothing() -> None:
    content = f"{ID}.{TIMESTAMP}.".encode() + RAW
    signed = base64.b64encode(hmac.new(b"", content, hashlib.sha256).digest()).decode()
    assert fault("whsec_", header=f"v1,{signed}") is SignatureFault.UNCONFIGURED


def test_a_naive_now_raises() -> None:
    with pytest.raises(ValueError, match="aware"):
        fault(now=NOW.replace(tzinfo=None))


@given(
    secret=st.text() | st.just(SECRET),
    message_id=st.text() | st.none(),
    timestamp=st.text() | st.just(TIMESTAMP),
    raw=st.binary(),
    header=st.text() | st.none(),
)
def test_a_stranger_gets_a_fault_and_no_exception(
    secret: str, message_id: str | None, timestamp: str, raw: bytes, header: str | None
) -> None:
    assert isinstance(
        fault(secret, message_id=message_id, timestamp=timestamp, raw=raw, header=header),
        SignatureFault,
    )

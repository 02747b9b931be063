import hashlib
import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.providers.signatures import whatsapp_challenge, whatsapp_signature_ok

Payload = Callable[[str], bytes]
Document = Callable[[str], Any]


def test_known_signatures(payload: Payload, document: Document) -> None:
    vectors = document("whatsapp_signatures")
    of_file, of_text = vectors["cases"]
    secret = vectors["app_secret"]

    raw = payload("whatsapp_in_text_stop")
    assert whatsapp_signature_ok(secret, raw, of_file["X-Hub-Signature-256"])
    assert not whatsapp_signature_ok(secret, raw + b" ", of_file["X-Hub-Signature-256"])

    # Escaped as it was sent: read and written again it would be another text.
    raw = of_text["body_ascii_escaped"].encode()
    assert whatsapp_signature_ok(secret, raw, of_text["X-Hub-Signature-256"])
    assert not whatsapp_signature_ok(
        secret, raw.decode("unicode-escape").encode(), of_text["X-Hub-Signature-256"]
    )


def test_an_empty_secret_signs_nothing() -> None:
    header = "sha256=" + hmac.new(b"", b"{}", hashlib.sha256).hexdigest()
    assert not whatsapp_signature_ok("", b"{}", header)
    assert not whatsapp_signature_ok(None, b"{}", header)


@pytest.mark.parametrize(
    "change",
    [
        lambda good: good.removeprefix("sha256="),
        lambda good: good.replace("sha256=", "sha1="),
        lambda good: good[:-1],
        lambda good: good + "0",
        lambda good: f"{good},{good}",
        lambda good: good.replace("=", "=é"),
        lambda _: "",
        lambda _: None,
        lambda _: "sha256=",
        lambda _: "\udcff",
    ],
)
def test_anything_but_the_signature_is_refused(change: Callable[[str], str | None]) -> None:
    good = "sha256=" + hmac.new(b"secret", b"{}", hashlib.sha256).hexdigest()
    assert whatsapp_signature_ok("secret", b"{}", good)
    assert not whatsapp_signature_ok("secret", b"{}", change(good))


@given(secret=st.text() | st.none(), raw=st.binary(), header=st.text() | st.none())
def test_a_stranger_gets_no_and_no_exception(
    secret: str | None, raw: bytes, header: str | None
) -> None:
    assert whatsapp_signature_ok(secret, raw, header) is False


def test_challenge(document: Document) -> None:
    query = dict(parse_qsl(document("whatsapp_signatures")["verify_get"]["query"]))

    assert whatsapp_challenge("vt", query) == "1158201444"
    assert whatsapp_challenge("other", query) is None
    assert whatsapp_challenge("", {**query, "hub.verify_token": ""}) is None
    assert whatsapp_challenge(None, query) is None
    assert whatsapp_challenge("vt", {}) is None
    assert whatsapp_challenge("vt", {**query, "hub.mode": "unsubscribe"}) is None
    for challenge in ("", "x" * 257, "a\nb", "é"):
        assert whatsapp_challenge("vt", {**query, "hub.challenge": challenge}) is None

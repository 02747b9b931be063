import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from pipeline.providers.signatures import twilio_signature_ok
from pipeline.providers.twilio.events import parse_twilio_body

FORM = "application/x-www-form-urlencoded; charset=UTF-8"
SHARED_KEY = "key=webhooks_sharedkey_01,algorithm=HMAC_SHA256"
VECTORS = json.loads((Path(__file__).parent / "payloads" / "twilio_forms.json").read_text())
TOKEN, URL = VECTORS["auth_token"], VECTORS["url"]


class Fields(dict[str, list[str]]):
    """Fields as the official validator takes repeated ones."""

    def getall(self, name: str) -> list[str]:
        return self[name]


def official(token: str) -> Any:
    validator: Any = RequestValidator
    return validator(token)


@pytest.mark.parametrize("case", VECTORS["cases"].values(), ids=VECTORS["cases"].keys())
def test_known_signatures(case: dict[str, Any]) -> None:
    fields = parse_twilio_body(case["encoded"].encode(), FORM)
    sha1, sha256 = case["X-Twilio-Signature"], case["sha256_shared_key"]

    assert twilio_signature_ok(TOKEN, URL, fields, signature=sha1)
    assert twilio_signature_ok(TOKEN, URL, fields, signature=sha256, settings=SHARED_KEY)

    # Each algorithm under its own name only; every part of the request counts.
    assert not twilio_signature_ok(TOKEN, URL, fields, signature=sha256)
    assert not twilio_signature_ok(TOKEN, URL, fields, signature=sha1, settings=SHARED_KEY)
    assert not twilio_signature_ok(TOKEN + "6", URL, fields, signature=sha1)
    assert not twilio_signature_ok(TOKEN, URL + "&m=1", fields, signature=sha1)
    assert not twilio_signature_ok(TOKEN, URL, {**fields, "Body": ["x"]}, signature=sha1)


def test_the_signature_that_twilio_publishes() -> None:
    published = VECTORS["published_vectors"]
    fields = {name: [value] for name, value in published["params"].items()}
    assert twilio_signature_ok(
        published["token"], published["url"], fields, signature=published["signature"]
    )


@pytest.mark.parametrize(
    ("signed", "called"),
    [
        ("https://hooks.test:443/x?m=1", "https://hooks.test/x?m=1"),
        ("https://hooks.test/x?m=1", "https://hooks.test:443/x?m=1"),
        ("https://hooks.test/x", "https://hooks.test:8443/x"),
        ("http://hooks.test:80/x", "http://hooks.test/x"),
        ("https://user:secret@hooks.test:443/x", "https://user:secret@hooks.test/x"),
        ("https://[2001:db8::1]:443/x", "https://[2001:db8::1]/x"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"),
    ],
)
def test_with_and_without_the_port(signed: str, called: str) -> None:
    signature = official(TOKEN).compute_signature(signed, {"Body": "hi"})
    assert twilio_signature_ok(TOKEN, called, {"Body": ["hi"]}, signature=signature)


def test_another_port_is_another_address() -> None:
    signature = official(TOKEN).compute_signature("https://hooks.test:8443/x", {})
    assert not twilio_signature_ok(TOKEN, "https://hooks.test/x", {}, signature=signature)


def test_json_is_signed_through_its_hash() -> None:
    raw = '{"Body":"café"}'.encode()
    url = f"https://hooks.test/x?m=5&bodySHA256={hashlib.sha256(raw).hexdigest()}"
    signature = official(TOKEN).compute_signature(url, {})

    assert twilio_signature_ok(TOKEN, url, raw, signature=signature)
    assert not twilio_signature_ok(TOKEN, url, raw + b" ", signature=signature)
    # The address alone is rightly signed, but says nothing about the body.
    bare = "https://hooks.test/x?m=5"
    signature = official(TOKEN).compute_signature(bare, {})
    assert not twilio_signature_ok(TOKEN, bare, raw, signature=signature)
    assert not twilio_signature_ok(TOKEN, bare, b"", signature=signature)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (" algorithm = hmac_sha256 ,key=x", "HMAC_SHA256"),
        ("key=x", "HMAC_SHA1"),
        ("key=x,algorithm=", "HMAC_SHA1"),
        ("", "HMAC_SHA1"),
    ],
)
def test_the_algorithm_is_named_in_a_header(settings: str, name: str) -> None:
    signature = official(TOKEN).compute_signature(URL, {}, name)
    assert twilio_signature_ok(TOKEN, URL, {}, signature=signature, settings=settings)


@pytest.mark.parametrize("settings", ["algorithm=MD5", "key=x,algorithm=none", "algorithm=é"])
def test_an_algorithm_that_nobody_knows(settings: str) -> None:
    signature = official(TOKEN).compute_signature(URL, {})
    assert not twilio_signature_ok(TOKEN, URL, {}, signature=signature, settings=settings)


def test_an_empty_secret_signs_nothing() -> None:
    signature = official("").compute_signature(URL, {})
    assert not twilio_signature_ok("", URL, {}, signature=signature)
    assert not twilio_signature_ok(None, URL, {}, signature=signature)


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
forms = st.dictionaries(words, st.lists(words, min_size=1, max_size=3), max_size=6)
hosts = st.from_regex(r"[a-z][a-z0-9-]{0,9}(\.[a-z]{2,5}){1,2}", fullmatch=True)
ports = st.none() | st.integers(1, 65535) | st.sampled_from([80, 443])
paths = st.from_regex(r"(/[A-Za-z0-9._~%-]{0,8}){1,3}", fullmatch=True)
queries = st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), words, max_size=3)


@st.composite
def urls(draw: Callable[..., Any]) -> str:
    port, query = draw(ports), draw(queries)
    authority = draw(hosts) + (f":{port}" if port else "")
    scheme = draw(st.sampled_from(["http", "https"]))
    return f"{scheme}://{authority}{draw(paths)}" + (f"?{urlencode(query)}" if query else "")


algorithms = st.sampled_from([(None, "HMAC_SHA1"), (SHARED_KEY, "HMAC_SHA256")])


@given(url=urls(), form=forms, token=words.filter(bool), algorithm=algorithms)
def test_what_the_official_library_signs_is_accepted(
    url: str, form: dict[str, list[str]], token: str, algorithm: tuple[str | None, str]
) -> None:
    settings, name = algorithm
    signature = official(token).compute_signature(url, Fields(form), name)
    assert twilio_signature_ok(token, url, form, signature=signature, settings=settings)
    # As it comes over the wire, too.
    encoded = urlencode(form, doseq=True).encode()
    fields = parse_twilio_body(encoded, FORM)
    assert twilio_signature_ok(token, url, fields, signature=signature, settings=settings)


@given(
    url=urls(),
    form=forms,
    other=forms,
    token=words.filter(bool),
    given_url=urls(),
    change=st.sampled_from(["nothing", "form", "url", "port", "signature"]),
)
def test_both_give_the_same_answer(
    url: str,
    form: dict[str, list[str]],
    other: dict[str, list[str]],
    token: str,
    given_url: str,
    change: str,
) -> None:
    signature = official(token).compute_signature(url, Fields(form))
    form = other if change == "form" else form
    url = given_url if change == "url" else url
    if change == "port":
        parts = urlsplit(url)
        url = parts._replace(netloc=f"{parts.hostname}:8080").geturl()
    if change == "signature":
        signature = signature.swapcase()
    expected = official(token).validate(url, Fields(form), signature)
    assert twilio_signature_ok(token, url, form, signature=signature) is expected


@given(url=urls(), raw=words, tampered=st.booleans(), token=words.filter(bool))
def test_both_give_the_same_answer_for_json(url: str, raw: str, tampered: bool, token: str) -> None:
    joint = "&" if "?" in url else "?"
    url = f"{url}{joint}bodySHA256={hashlib.sha256(raw.encode()).hexdigest()}"
    signature = official(token).compute_signature(url, {})
    body = raw + "!" if tampered else raw
    expected = official(token).validate(url, body, signature)
    assert expected is not tampered
    assert twilio_signature_ok(token, url, body.encode(), signature=signature) is expected


anything = st.text(st.characters(), max_size=30)


@given(
    secret=anything | st.none(),
    url=anything | urls(),
    body=st.binary(max_size=20) | st.dictionaries(anything, st.lists(anything)),
    signature=anything | st.none(),
    settings=anything | st.none(),
)
def test_a_stranger_gets_no_and_no_exception(
    secret: str | None,
    url: str,
    body: dict[str, list[str]] | bytes,
    signature: str | None,
    settings: str | None,
) -> None:
    answer = twilio_signature_ok(secret, url, body, signature=signature, settings=settings)
    assert answer is False

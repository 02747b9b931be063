"""Where providers reach `recado web`: what Twilio signs, and where it is told to call."""

import pytest

from config.settings import WebSettings


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (WebSettings(), "http://127.0.0.1:8080"),
        (WebSettings(port=9000), "http://127.0.0.1:9000"),
        (WebSettings(host="0.0.0.0"), "http://localhost:8080"),  # noqa: S104 - nothing listens
        (WebSettings(host="::1"), "http://[::1]:8080"),
        (WebSettings(public_url="https://hooks.example.com"), "https://hooks.example.com"),
    ],
)
def test_address(settings: WebSettings, address: str) -> None:
    assert settings.address == address

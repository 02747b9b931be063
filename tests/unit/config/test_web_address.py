"""Where providers reach `recado web`: what Twilio signs, and where it is told to call."""

import pytest

from config.settings import SettingsError, WebSettings, load_settings


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


SANDBOX = {
    "RECADO_PROVIDERS__TRIAL__KIND": "sandbox",
    "RECADO_PROVIDERS__TRIAL__BASE_URL": "http://s",
}
REAL = {
    "RECADO_PROVIDERS__TW__KIND": "twilio",
    "RECADO_PROVIDERS__TW__BASE_URL": "https://api.twilio.example",
    "RECADO_PROVIDERS__TW__ACCOUNT_SID": "AC1",
    "RECADO_PROVIDERS__TW__AUTH_TOKEN": "secret",
}
OWN_SECRETS = {
    "RECADO_PROVIDERS__TRIAL__AUTH_TOKEN": "a",
    "RECADO_PROVIDERS__TRIAL__APP_SECRET": "b",
}


def test_a_sandbox_beside_real_accounts_has_secrets_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (SANDBOX | REAL).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="the sandbox account trial stands beside real ones"):
        load_settings(None)
    for name, value in OWN_SECRETS.items():
        monkeypatch.setenv(name, value)
    assert set(load_settings(None).providers) == {"trial", "tw"}

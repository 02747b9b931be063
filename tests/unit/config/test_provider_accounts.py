"""What the settings want of accounts at real providers."""

import asyncio

import pytest

from config.settings import SettingsError, load_settings
from workers.courier.process import open_provider

TWILIO = {"KIND": "twilio", "ACCOUNT_SID": "AC1", "AUTH_TOKEN": "hush"}
WHATSAPP = {"KIND": "whatsapp_cloud", "ACCESS_TOKEN": "hush", "APP_SECRET": "hush"}


@pytest.fixture(autouse=True)
def _public_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECADO_WEB__PUBLIC_URL", "https://hooks.example.com")


def load(monkeypatch: pytest.MonkeyPatch, account: dict[str, str]) -> object:
    for name, value in account.items():
        monkeypatch.setenv(f"RECADO_PROVIDERS__LOJA__{name}", value)
    return load_settings(None).providers["loja"]


@pytest.mark.parametrize("account", [TWILIO, WHATSAPP])
def test_the_providers_own_address_need_not_be_named(
    monkeypatch: pytest.MonkeyPatch, account: dict[str, str]
) -> None:
    assert getattr(load(monkeypatch, account), "base_url", None) == ""


@pytest.mark.parametrize(
    ("account", "problem"),
    [
        ({"KIND": "twilio", "ACCOUNT_SID": "AC1"}, "needs AUTH_TOKEN"),
        ({"KIND": "twilio", "AUTH_TOKEN": "hush"}, "needs ACCOUNT_SID"),
        (TWILIO | {"API_KEY": "SK1"}, "API_KEY and API_SECRET are needed together"),
        (TWILIO | {"API_SECRET": "hush"}, "API_KEY and API_SECRET are needed together"),
        ({"KIND": "whatsapp_cloud"}, "needs ACCESS_TOKEN"),
        ({"KIND": "whatsapp_cloud", "ACCESS_TOKEN": "hush"}, "needs APP_SECRET"),
        (TWILIO | {"AUTH_TOKEN": ""}, "needs AUTH_TOKEN"),
        ({"KIND": "sandbox"}, "needs BASE_URL"),
        ({"KIND": "smpp", "BASE_URL": "smpp://127.0.0.1"}, "needs SYSTEM_ID"),
        ({"KIND": "smpp", "SYSTEM_ID": "me", "BASE_URL": "smpp://me:hush#1@h"}, "must be smpp://"),
        (TWILIO | {"BASE_URL": "api.twilio.com"}, "BASE_URL must be like https://"),
        (TWILIO | {"BASE_URL": "https://api.twilio.com:x"}, "BASE_URL must be like https://"),
        (TWILIO | {"BASE_URL": "https://me:hush@api.twilio.com"}, "BASE_URL must hold no name"),
        (TWILIO | {"BASE_URL": "https://api.twilio.com?token=hush"}, "BASE_URL must hold no name"),
        (TWILIO | {"BASE_URL": "http://api.twilio.com"}, "must begin with https"),
        (WHATSAPP | {"BASE_URL": "http://10.0.0.1"}, "must begin with https"),
    ],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, account: dict[str, str], problem: str
) -> None:
    with pytest.raises(SettingsError, match=problem) as raised:
        load(monkeypatch, account)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("account", [TWILIO | {"API_KEY": "SK1", "API_SECRET": "hush"}, WHATSAPP])
def test_an_account_opens_its_provider(
    monkeypatch: pytest.MonkeyPatch, account: dict[str, str]
) -> None:
    load(monkeypatch, account)
    settings = load_settings(None)

    async def main() -> None:
        provider = open_provider("loja", settings.providers["loja"], settings)
        await provider.close()

    asyncio.run(main())


def test_twilio_needs_an_address_that_it_can_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECADO_WEB__PUBLIC_URL")
    with pytest.raises(SettingsError, match="needs RECADO_WEB__PUBLIC_URL"):
        load(monkeypatch, TWILIO)


@pytest.mark.parametrize("host", ["127.0.0.1:8081", "localhost", "[::1]:80"])
def test_a_stand_in_on_this_machine_needs_no_tls(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    load(monkeypatch, TWILIO | {"BASE_URL": f"http://{host}"})

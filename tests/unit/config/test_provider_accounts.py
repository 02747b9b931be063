"""What the settings want of accounts at real providers."""

import asyncio

import pytest

from config.settings import SettingsError, load_settings
from workers.courier.process import open_provider

TWILIO = {"KIND": "twilio", "ACCOUNT_SID": "AC1", "AUTH_TOKEN": "hush"}
WHATSAPP = {"KIND": "whatsapp_cloud", "ACCESS_TOKEN": "hush"}


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
        ({"KIND": "sandbox"}, "needs BASE_URL"),
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

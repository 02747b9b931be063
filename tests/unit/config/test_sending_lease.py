"""No request may outlast the lease on its message."""

import pytest

from config.provider_accounts import SENDING_MARGIN
from config.settings import LeaseSettings, ProviderSettings, SettingsError, load_settings

SANDBOX = {"KIND": "sandbox", "BASE_URL": "http://127.0.0.1:8081"}
INBOUND = {"KIND": "inbound", "WEBHOOK_SECRET": "whsec_Y2hhbmdlIG1l"}


def load(monkeypatch: pytest.MonkeyPatch, account: dict[str, str], sending: str | None) -> None:
    for name, value in account.items():
        monkeypatch.setenv(f"RECADO_PROVIDERS__LOJA__{name}", value)
    if sending is not None:
        monkeypatch.setenv("RECADO_LEASES__SENDING_SECONDS", sending)
    load_settings(None)


@pytest.mark.parametrize(
    ("timeout", "sending", "needed"),
    [("20", "5", "21"), ("20", "20", "21"), ("4.5", "5", "5.5"), ("90", None, "91")],
)
def test_a_request_that_may_outlast_the_lease_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, timeout: str, sending: str | None, needed: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load(monkeypatch, SANDBOX | {"REQUEST_TIMEOUT": timeout}, sending)
    told = str(raised.value)
    assert f"RECADO_LEASES__SENDING_SECONDS is {sending or 90}" in told
    assert f"RECADO_PROVIDERS__LOJA__REQUEST_TIMEOUT is {timeout}:" in told
    assert f"set the first to {needed} or more, or lower the second" in told


@pytest.mark.parametrize(
    ("account", "sending"),
    [
        (SANDBOX | {"REQUEST_TIMEOUT": "4"}, "5"),
        (SANDBOX | {"REQUEST_TIMEOUT": "89"}, None),
        (INBOUND, "5"),  # nothing is sent through it
    ],
)
def test_one_that_ends_before_it_does_not(
    monkeypatch: pytest.MonkeyPatch, account: dict[str, str], sending: str | None
) -> None:
    load(monkeypatch, account, sending)


def test_the_defaults_go_together() -> None:
    timeout = ProviderSettings.model_fields["request_timeout"].default
    assert LeaseSettings().sending_seconds >= timeout + SENDING_MARGIN

"""Which roles `recado status` misses where they do not run."""

import pytest

from config.settings import load_settings
from workers.reports.obstacles import EXPECTED_ROLES, expected_roles


def test_who_hears_an_smsc_is_missed_only_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert expected_roles(load_settings(None)) == list(EXPECTED_ROLES)
    account = {
        "KIND": "smpp",
        "BASE_URL": "smpp://127.0.0.1",
        "SYSTEM_ID": "acme",
        "PASSWORD": "secret",
    }
    for name, value in account.items():
        monkeypatch.setenv(f"RECADO_PROVIDERS__CARRIER__{name}", value)
    assert expected_roles(load_settings(None)) == [*EXPECTED_ROLES, "smpp"]

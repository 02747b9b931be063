"""What .env.example shows is what the settings take, and what docker-compose.yml passes on."""

import re
from pathlib import Path

import pytest

from config.settings import load_settings

PROJECT = Path(__file__).parents[3]
EXAMPLE = (PROJECT / ".env.example").read_text()
COMPOSE = (PROJECT / "docker-compose.yml").read_text()
SHOWN = dict(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE))
NAMED_IN_COMPOSE = set(re.findall(r"^ +(RECADO_[A-Z_]+):", COMPOSE, re.MULTILINE))

IN_THE_IMAGE = {"RECADO_HOME", "RECADO_POLICIES"}
"""Folders: they need a mount beside the setting."""

SET_IN_COMPOSE = {"RECADO_WEB__HOST", "RECADO_WEB__PORT"}
"""Where a service listens inside of its container, behind the port that the file publishes."""


def test_every_shown_setting_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SHOWN.items():
        if name.startswith("RECADO_"):
            monkeypatch.setenv(name, value)
    settings = load_settings(None)
    assert settings.providers["trial"].kind == "sandbox"
    assert len(settings.closed_days) == 2


def test_what_is_shown_for_tuning_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    tuning = EXAMPLE.partition("# Tuning, with the defaults;")[2]
    shown = dict(re.findall(r"^# (RECADO_[A-Z_]+)=(.*)$", tuning, re.MULTILINE))
    defaults = load_settings(None)
    for name, value in shown.items():
        monkeypatch.setenv(name, value)
    assert "RECADO_DELIVERY__IN_FLIGHT" in shown
    assert load_settings(None) == defaults


def test_everything_that_compose_asks_for_is_shown() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE))
    servers = {"RECADO_DATABASE_URL", "RECADO_REDIS_URL"}
    assert {"POSTGRES_PASSWORD", "REDIS_PASSWORD"} <= asked
    assert servers <= NAMED_IN_COMPOSE
    assert asked | NAMED_IN_COMPOSE - servers - SET_IN_COMPOSE <= SHOWN.keys()


def test_a_setting_made_in_the_file_reaches_the_services(setting_names: set[str]) -> None:
    # The last is for the fault tests alone.
    own = ("_DELIVERY__", "_WEB__", "_SMPP__", "<", "_FAULT__")
    of_one_service = {name for name in setting_names if any(part in name for part in own)}
    assert setting_names - of_one_service - IN_THE_IMAGE == NAMED_IN_COMPOSE - SET_IN_COMPOSE
    assert NAMED_IN_COMPOSE & setting_names >= SET_IN_COMPOSE


def test_no_password_is_given_away() -> None:
    assert SHOWN["POSTGRES_PASSWORD"] == SHOWN["REDIS_PASSWORD"] == ""

"""What .env.example shows is what the settings take, and what docker-compose.yml asks for."""

import re
from pathlib import Path

import pytest

from config.settings import load_settings

PROJECT = Path(__file__).parents[3]
SHOWN = dict(
    re.findall(
        r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", (PROJECT / ".env.example").read_text(), re.MULTILINE
    )
)


def test_every_shown_setting_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SHOWN.items():
        if name.startswith("RECADO_"):
            monkeypatch.setenv(name, value)
    settings = load_settings(None)
    assert settings.providers["trial"].kind == "sandbox"
    assert len(settings.closed_days) == 2


def test_everything_that_compose_asks_for_is_shown() -> None:
    compose = (PROJECT / "docker-compose.yml").read_text()
    asked = set(re.findall(r"\$\{([A-Z_]+)", compose))
    passed_on = set(re.findall(r"^ +(RECADO_[A-Z_]+):$", compose, re.MULTILINE))
    assert asked >= {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert passed_on
    assert asked | passed_on <= SHOWN.keys()


def test_no_password_is_given_away() -> None:
    assert SHOWN["POSTGRES_PASSWORD"] == SHOWN["REDIS_PASSWORD"] == ""

"""docs/operations.md names every setting, log event and role that there is, and no other."""

import ast
import re
from pathlib import Path

from workers.reports.obstacles import NEEDED_ROLES

PROJECT = Path(__file__).parents[3]
PAGE = (PROJECT / "docs" / "operations.md").read_text()
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(title: str) -> set[str]:
    """What stands in backquotes in the first column of a section's tables."""
    rows = re.findall(r"^\| ([^|]*`[^|]*) \|", section(title), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def logged_events() -> set[str]:
    """The first argument of every call like ``log.info("started", …)``."""
    found = set()
    for folder in ("workers", "pipeline", "config"):
        for path in (PROJECT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(
                        func=ast.Attribute(value=ast.Name(id="log" | "logger"), attr=level),
                        args=[ast.Constant(value=str(event)), *_],
                    ) if level in LEVELS:
                        found.add(event)
    return found


def test_every_setting_is_explained(setting_names: set[str]) -> None:
    assert first_cells("Settings") == setting_names


def test_every_log_event_is_explained() -> None:
    events = logged_events()
    assert "released" in events
    assert first_cells("Log events") == events


def test_every_role_that_messages_need_is_explained() -> None:
    assert set(NEEDED_ROLES.values()) <= first_cells("Roles")

"""docs/providers.md says of every code what its table says, and knows no other."""

import re
from pathlib import Path

import pytest

from pipeline.providers.base import Action
from pipeline.providers.codes import CodeTable
from pipeline.providers.twilio.codes import TWILIO
from pipeline.providers.whatsapp.codes import WHATSAPP

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text()
ROW = re.compile(r"^\| `(\d+)`(?: to `(\d+)`)? \| ([^|]+) \| `(\w+)` \| ([^|]*)\|$", re.MULTILINE)


@pytest.mark.parametrize(
    ("title", "table"), [("WhatsApp's codes", WHATSAPP), ("Twilio's codes", TWILIO)]
)
def test_every_code_is_explained(title: str, table: CodeTable) -> None:
    section = PAGE.split(f"\n### {title}\n")[1].split("\n### ")[0]
    told = {
        code: (action, "a violation" in besides)
        for first, last, _, action, besides in ROW.findall(section)
        for code in range(int(first), int(last or first) + 1)
    }
    held = {code: (one.action.value, one.violation) for code, one in table.items()}
    assert told == held


def test_every_action_is_explained() -> None:
    section = PAGE.split("\nActions:\n")[1].split("\n**")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(Action)

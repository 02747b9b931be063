"""``recado classify`` as an operator runs it, with no service anywhere."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[3]


def classify(
    *options: str, replies: str | bytes, folder: Path
) -> "subprocess.CompletedProcess[bytes]":
    own = {name: value for name, value in os.environ.items() if not name.startswith("RECADO_")}
    nowhere = {
        "RECADO_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "RECADO_REDIS_URL": "redis://127.0.0.1:1/0",
        "PYTHONPATH": str(PROJECT),
    }
    return subprocess.run(
        [sys.executable, "-m", "workers.cli.main", "classify", *options],
        input=replies.encode() if isinstance(replies, str) else replies,
        env=own | nowhere,
        cwd=folder,
        capture_output=True,
        timeout=60,
        check=False,
    )


def as_json(done: "subprocess.CompletedProcess[bytes]") -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def test_each_reply_gives_one_line_of_json(tmp_path: Path) -> None:
    replies = "Sair por favor\n\nvou processar\nO preço está bom? 👍\nSTOP MARKETING\n"
    rows = as_json(classify("--country", "br", "--json", replies=replies, folder=tmp_path))
    assert rows == [
        {
            "text": "Sair por favor",
            "intent": "opt_out",
            "scope": "all",
            "match": "courtesy",
            "language": "pt",
        },
        {"text": "", "intent": "none", "scope": None, "match": None, "language": None},
        {
            "text": "vou processar",
            "intent": "complaint",
            "scope": "all",
            "match": "phrase",
            "language": "pt",
        },
        {
            "text": "O preço está bom? 👍",
            "intent": "none",
            "scope": None,
            "match": None,
            "language": None,
        },
        {
            "text": "STOP MARKETING",
            "intent": "opt_out",
            "scope": "marketing",
            "match": "keyword",
            "language": "en",
        },
    ]


def test_the_country_and_the_language_decide_about_words_that_collide(tmp_path: Path) -> None:
    def intent(*options: str) -> str:
        (row,) = as_json(classify(*options, "--json", replies="peru", folder=tmp_path))
        return str(row["intent"])

    assert intent("--country", "FI") == "opt_out"
    assert intent("--language", "fi-FI") == "opt_out"
    assert intent("--country", "PE") == "none"


def test_without_json_it_says_in_words_what_follows(tmp_path: Path) -> None:
    replies = "STOP\nwrong number\nhelp\nstart\ndon't stop\nthanks\nreport spam\n"
    done = classify("--country", "US", replies=replies, folder=tmp_path)
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    said = (
        "ends marketing at once, and confirms",
        "somebody else's",
        "how to leave",
        "records a new consent",
        "holds marketing until a person has decided",
        "nothing",
        "counts a complaint",
    )
    assert len(lines) == len(said)
    assert all(words in line for line, words in zip(lines, said, strict=True))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--country", "XX"), "no pack has the country 'XX'; known: AT, BE"),
        (("--language", "klingon"), "there is no table for 'klingon'"),
    ],
)
def test_an_unknown_place_or_language_is_refused(
    tmp_path: Path, options: tuple[str, ...], problem: str
) -> None:
    done = classify(*options, replies="STOP\n", folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("recado: ")
    assert problem in line


def test_lines_that_are_no_replies_break_nothing(tmp_path: Path) -> None:
    replies = b"\xff\xfe broken\n" + b"a" * 200_000 + b"\nS\0TOP\r\nto its end"
    done = classify("--json", replies=replies, folder=tmp_path)
    rows = as_json(done)
    assert [row["intent"] for row in rows] == ["none", "none", "opt_out", "none"]
    assert rows[2]["text"] == "S\0TOP"
    assert "line 2 has more than 65,536 bytes" in done.stderr.decode()


def test_no_reply_gives_no_line(tmp_path: Path) -> None:
    assert as_json(classify("--json", replies="", folder=tmp_path)) == []

"""`recado bench optout`, tiny: what it reports, and that its own checks hold."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent.parent

RATE, SECONDS, BURST, MESSAGES = 20, 2, 60, 1000


def test_it_compares_a_stack_at_rest_with_a_stack_at_work(tmp_path: Path) -> None:
    figures = _run(tmp_path, "--sender-rate", "30")

    assert figures["problems"] == []
    for phase in ("without_load", "with_load"):
        even, at_once = figures[phase]["even"], figures[phase]["at_once"]
        assert even["replies"] == even["answered_with_success"] == RATE * SECONDS
        assert at_once["replies"] == at_once["answered_with_success"] == BURST
        for volley in (even, at_once):
            for name in ("force_ms", "force_by_our_clock_ms", "cancelled_ms", "confirmation_ms"):
                spread = volley[name]
                assert 0 < spread["p50"] <= spread["p99"] <= spread["max"]
            assert volley["force_ms"]["p50"] <= volley["confirmation_ms"]["p50"]
            assert volley["messages_stopped"] > 0
            assert {"web", "optout", "bulk", "delivery"} <= volley["traffic"]["cores"].keys()
        assert figures["targets_met"]["at_once_in_force_within_60_s"][phase]
    _looks_idle(figures["without_load"])
    _looks_busy(figures["with_load"])


def _looks_idle(phase: dict[str, Any]) -> None:
    for volley in ("even", "at_once"):
        assert phase[volley]["traffic"]["sent_per_second"] == 0


def _looks_busy(phase: dict[str, Any]) -> None:
    assert phase["waiting_messages"] > MESSAGES / 2
    for volley in ("even", "at_once"):
        assert phase[volley]["traffic"]["sent_in_the_slowest_second"] > 0


def test_more_people_than_messages_are_refused(tmp_path: Path) -> None:
    done = _command(tmp_path, "--burst", "5000")

    assert done.returncode == 2
    assert "5060 people leave in each phase" in done.stderr.replace("\n", " ")


def _run(folder: Path, *arguments: str) -> dict[str, Any]:
    done = _command(folder, "--burst", str(BURST), "--json", *arguments)
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _command(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    plan = ("--messages", MESSAGES, "--seconds", SECONDS, "--rate", RATE)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECADO_")}
    return subprocess.run(
        [sys.executable, "-m", "workers.cli.main", "bench", "optout", *map(str, plan), *arguments],
        env=kept | {"PYTHONPATH": str(PROJECT), "NO_COLOR": "1", "COLUMNS": "200"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

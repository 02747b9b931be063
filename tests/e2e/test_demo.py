"""`recado demo`: the whole system, from an empty folder to a report that balances."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

ENDS = ("sent", "blocked", "expired", "cancelled", "failed", "in_doubt")


@pytest.fixture
def demo(environment: dict[str, str], tmp_path: Path) -> Callable[[], "subprocess.Popen[str]"]:
    """Starts the demo; its settings are its own, so those of the environment must not matter."""

    def start() -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "workers.cli.main", "demo", "--json"],
            env=environment | {"RECADO_CLOSED_DAYS": '["2026-11-23"]'},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def test_the_demo_balances_and_leaves_nothing_behind(
    demo: Callable[[], "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    output, said = demo().communicate(timeout=150)
    report = json.loads(output)

    assert report["problems"] == [], said
    assert [country["country"] for country in report["countries"]] == ["US", "BR", "IN", "PE", "ES"]
    for country in report["countries"]:
        assert country["accepted"] == sum(country[end] for end in ENDS)
        assert country["blocked"] == sum(country["blocked_reasons"].values())
        assert country["sent"] > country["accepted"] / 2
    waited = {one["country"]: one["deferred_then_sent"] for one in report["countries"]}
    sent = {one["country"]: one["sent"] for one in report["countries"]}
    # Brazil and India are closed on a Sunday evening, Peru and Spain have no hours.
    assert waited["BR"] == sent["BR"]
    assert waited["IN"] == sent["IN"]
    assert 0 < waited["US"] < sent["US"]
    assert waited["PE"] == waited["ES"] == 0
    left = report["opt_outs"]
    assert left["asked"] == left["in_force"] == sum(left["confirmations"].values()) > 20
    assert left["cancelled"] > 0
    assert left["confirmations"]["sent"] <= report["sandbox"]["confirmations"] <= left["asked"]
    assert report["sandbox"]["taken"] == report["total"]["sent"]
    assert report["replies"]["held_for_review"] == 1
    # Of both channels: each told of at the address that its account was given.
    for country in report["countries"]:
        assert country["delivered"] > 0.9 * country["sent"]
    assert list((tmp_path / "home").iterdir()) == []


def test_ctrl_c_stops_everything_that_the_demo_has_started(
    demo: Callable[[], "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    process = demo()
    assert process.stderr is not None
    # A plain line of figures: the workers are up and messages are under way.
    said = []
    for line in process.stderr:
        said.append(line)
        if "opt-outs" in line:
            break
    else:
        process.wait(60)
        pytest.fail("".join(said))
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) > 5

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert process.returncode == 130
    assert not [child for child in family if child.is_running()]
    assert list((tmp_path / "home").iterdir()) == []

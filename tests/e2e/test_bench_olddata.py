"""`recado bench olddata`, tiny: that it fills, measures both sides, and removes what is old."""

import json
import os
import subprocess
import sys

from tests.conftest import PROJECT


def test_both_databases_are_measured_and_the_old_rows_removed() -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RECADO_")}
    plan = ("--messages", "2000", "--per-round", "100", "--rounds", "2", "--json")
    done = subprocess.run(
        [sys.executable, "-m", "workers.cli.main", "bench", "olddata", *plan],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)

    assert (found["old_messages"], found["old_decisions"], found["rounds"]) == (2000, 6000, 2)
    # Of twenty months, those older than thirteen: seven of decisions, eight campaigns' messages.
    assert found["removed"]["messages"] == 800
    for step in ("take_in", "decide", "deliver"):
        assert found[f"{step}_per_second_empty"] > 0
        assert found[f"{step}_full_over_empty"] > 0

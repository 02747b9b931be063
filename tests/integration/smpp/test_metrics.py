"""`recado smpp` tells Prometheus what it has counted."""

import subprocess
import urllib.request
from collections.abc import Callable

import pytest

from tests.integration.smpp.desk import settings_of
from tests.integration.smpp.smsc import Smsc
from workers.stack.roles import smpp_role

Start = Callable[..., "subprocess.Popen[str]"]
WaitFor = Callable[..., None]


@pytest.mark.usefixtures("world")
def test_what_was_ignored_is_counted(
    smsc: Smsc, start: Start, wait_for: WaitFor, free_port: int
) -> None:
    _, _, module, *arguments = smpp_role().command
    env = settings_of(smsc) | {"RECADO_SMPP__METRICS_PORT": str(free_port)}
    start(*arguments, module=module, env=env)
    wait_for(lambda: "receiver" in smsc.log()["bound"], timeout=60, what="the bind")
    assert smsc.deliver({"source_addr": "1", "esm_class": 4, "short_message": "who knows"}) == 0
    with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    line = 'recado_webhook_events_ignored_total{account="acme",kind="receipt_unclear"} 1.0'
    assert line in text

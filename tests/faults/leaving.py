"""A stack with a webhook, a lane and a sandbox whose people reply, for the tests of leaving."""

import json
import subprocess
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from benchmarks.packs import without_thresholds
from pipeline.policy.vocabulary import Stage
from tests.integration.world import NOW, World
from workers.sandbox.options import Behaviour
from workers.stack.ports import port_answers
from workers.stack.roles import Role, recado_role, sandbox_role, web_role, worker_role

Start = Callable[..., "subprocess.Popen[str]"]
WaitFor = Callable[..., None]

LEASES = {"STREAM": 2, "QUEUE": 4, "SENDING": 5}
"""Seconds: short, or a test would wait a minute and a half for each."""

OPTOUT = worker_role("optout", (Stage.OPTOUT,), processes=1)
BULK = (
    recado_role("intake"),
    worker_role("bulk", (Stage.CONSENT, Stage.WINDOW, Stage.THROTTLE), processes=1),
    worker_role("delivery", (Stage.DELIVERY,), processes=2),
)
DISPATCH = recado_role("dispatch")


@dataclass(frozen=True)
class Lane:
    """A running webhook with its sandbox, and the means to start what else there is."""

    world: World
    start_role: Callable[[Role], "subprocess.Popen[str]"]
    sandbox_port: int
    web_port: int

    @classmethod
    def open(
        cls,
        world: World,
        start: Start,
        ports: tuple[int, int],
        wait_for: WaitFor,
        behaviour: Behaviour,
    ) -> "Lane":
        """Start the sandbox and the webhook, and wait until both answer."""
        sandbox_port, web_port = ports
        web = f"http://127.0.0.1:{web_port}"
        # So many leave here that their sender would be suspended in the middle.
        packs = without_thresholds(world.runtime.settings.home.parent / "packs")
        env = {
            "RECADO_POLICIES": str(packs),
            "RECADO_CLOCK_START": NOW.isoformat(),
            "RECADO_PROVIDERS__SANDBOX__KIND": "sandbox",
            "RECADO_PROVIDERS__SANDBOX__BASE_URL": f"http://127.0.0.1:{sandbox_port}",
            "RECADO_PROVIDERS__SANDBOX__REQUEST_TIMEOUT": "4",
            "RECADO_WEB__PORT": str(web_port),
            "RECADO_WEB__PUBLIC_URL": web,
        } | {f"RECADO_LEASES__{name}_SECONDS": str(seconds) for name, seconds in LEASES.items()}

        def start_role(role: Role) -> "subprocess.Popen[str]":
            _, _, module, *arguments = role.command
            return start(*arguments, module=module, env=env)

        start_role(sandbox_role(sandbox_port, behaviour, webhook_url=web))
        start_role(web_role(web_port))
        for port in ports:
            wait_for(lambda port=port: port_answers(port), timeout=60, what="an answering port")
        return cls(world, start_role, sandbox_port, web_port)

    def start(self, *roles: Role) -> list["subprocess.Popen[str]"]:
        return [self.start_role(role) for role in roles]

    def reply(self, replies: Sequence[Mapping[str, object]], **how: object) -> list[dict[str, Any]]:
        """Let people reply; what the webhook said to each, in their order."""
        order = {"replies": list(replies), "retry_seconds": 0} | how
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.sandbox_port}/sandbox/replies",
            data=json.dumps(order).encode(),
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - as above
            results: list[dict[str, Any]] = json.loads(answer.read())["results"]
        return results

    def taken(self) -> list[dict[str, Any]]:
        """What the sandbox took, in order; its times are machine seconds."""
        address = f"http://127.0.0.1:{self.sandbox_port}/sandbox/log"
        with urllib.request.urlopen(address) as answer:
            entries: list[dict[str, Any]] = [json.loads(line) for line in answer]
        return [entry for entry in entries if entry["status"] in (200, 201)]

    def confirmations(self) -> list[dict[str, Any]]:
        return [entry for entry in self.taken() if int(entry["message_id"]) < 0]

    def opt_outs(self) -> Sequence[Any]:
        return self.world.query(
            "SELECT o.*, c.phone FROM opt_outs o JOIN contacts c ON c.id = o.contact_id"
            " ORDER BY o.inbound_id"
        )

    @cached_property
    def _clock(self) -> Any:
        (clock,) = self.world.query("SELECT start, origin FROM clock_origins")
        return clock

    def machine_seconds(self, business: datetime) -> float:
        """When that was, on the machine's own clock."""
        clock = self._clock
        moment: datetime = clock.origin + (business - clock.start)
        return moment.timestamp()

"""`recado bench delivery`: from ``ready`` to ``sent``, beside a bare client loop."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import arrivals, bare, world
from benchmarks.bare import Loop
from benchmarks.lab import Lab, cpu_by_process, laboratory
from benchmarks.pipeline import pass_through
from benchmarks.traffic import RequestLog
from pipeline.policy.vocabulary import CampaignState, Stage
from pipeline.stages import campaign_states
from workers.clock import machine_seconds
from workers.sandbox.options import Behaviour
from workers.stack.ports import free_port
from workers.stack.roles import recado_role, sandbox_role, worker_role

COUNTRIES = {"BR": 40, "ES": 30, "PE": 30}
"""Countries whose windows are open at the laboratory's hour and whose quotas are out of reach."""

CONNECTIONS = 64
"""Of the bare loop against a sandbox that answers at once; more make it no faster."""

IN_FLIGHT = 640
"""The setting of that name: what one delivery process has in flight at most."""

BARE_REQUESTS = 15_000

EVERY_CASE = ((1, 0.0), (2, 0.0), (1, 50.0), (2, 50.0), (1, 300.0), (2, 300.0))
"""Of `--full`: (delivery processes, the sandbox's latency in milliseconds)."""

SETTLING_SECONDS = 2.0
"""After the first sign of life, a worker still reads its rules."""

POLL_SECONDS = 0.25
"""Looking costs processor time, too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What is measured.

    Attributes:
        processes: delivery processes.
        latency_ms: what the sandbox waits before each answer.
    """

    messages: int
    processes: int
    latency_ms: float

    @property
    def bare_connections(self) -> int:
        """As many as our processes may have in flight, so that the loop is a fair limit."""
        return CONNECTIONS if self.latency_ms == 0 else self.processes * IN_FLIGHT


@dataclass(frozen=True, kw_only=True, slots=True)
class Sending:
    """How messages were sent, and what it took.

    Attributes:
        seconds: from the first request until all was recorded.
        steady: messages a second in the middle half of them, by the provider's log.
        in_flight: requests on the wire on average in that half: its rate times the latency.
        most_in_flight: at once; None with a latency of 0.
        cpu_seconds: by process: the roles, the servers, and the benchmark itself.
        bare: the client loop, before our run and after it.
    """

    case: Case
    messages: int
    seconds: float
    steady: float
    in_flight: float
    most_in_flight: int | None
    cpu_seconds: Mapping[str, float]
    bare: Sequence[Loop]

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def bare_per_second(self) -> float:
        """Requests a second of the bare loop: the mean of its runs."""
        return sum(loop.per_second for loop in self.bare) / len(self.bare)


@dataclass(frozen=True, slots=True)
class Site:
    """A laboratory whose messages are ready, and nothing moves.

    Attributes:
        url: of the sandbox.
        log: what it was asked.
        ready: how many messages are.
    """

    lab: Lab
    url: str
    log: RequestLog
    ready: int


def measure(case: Case) -> Sending:
    """Send through the pipeline, with a run of the bare loop before it and one after it.

    Raises:
        RuntimeError: not every message was sent.
    """
    with site(case.messages, processes=case.processes, latency_ms=case.latency_ms) as here:
        loops = [_bare(here, case)]
        before = cpu_by_process(here.lab)
        taken, seconds = send_all(here)
        after = cpu_by_process(here.lab)
        loops.append(_bare(here, case))
    latency = case.latency_ms / 1000
    steady = arrivals.steady_rate(taken)
    return Sending(
        case=case,
        messages=len(taken),
        seconds=seconds,
        steady=steady,
        in_flight=steady * latency,
        most_in_flight=arrivals.most_within(taken, latency) if latency else None,
        cpu_seconds={name: after[name] - before.get(name, 0.0) for name in after},
        bare=loops,
    )


@contextmanager
def site(
    messages: int,
    *,
    processes: int,
    latency_ms: float = 0.0,
    countries: Mapping[str, int] = COUNTRIES,
    rate_per_second: float = 5000.0,
) -> Iterator[Site]:
    """A stack with so many people's messages ready, and everybody started.

    Args:
        processes: delivery processes; the campaigns are paused until `send_all`. 0: nobody hands
            out or delivers, and the campaigns are active.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    stages = (Stage.CONSENT, Stage.WINDOW, Stage.THROTTLE)
    accounts = {
        "RECADO_PROVIDERS__SANDBOX__KIND": "sandbox",
        "RECADO_PROVIDERS__SANDBOX__BASE_URL": url,
    }
    with tempfile.TemporaryDirectory(prefix="recado-bench-") as folder:
        log = Path(folder) / "requests.ndjson"
        roles = (
            sandbox_role(port, Behaviour(latency_ms=latency_ms), log=str(log)),
            recado_role("intake"),
            worker_role("bulk", stages, processes=1),
            worker_role("delivery", (Stage.DELIVERY,), processes=max(1, processes)),
            recado_role("dispatch"),
        )
        with laboratory(roles, environment=accounts) as lab:
            crowd = world.people(messages, countries=countries)
            lab.stack.start("sandbox", "intake", "bulk")
            lab.stack.wait()
            pass_through(lab, crowd, start=False, rate_per_second=rate_per_second)
            if processes:
                # Paused, so that no process's start is counted as the cost of a message.
                _put(lab, CampaignState.PAUSED)
                lab.stack.start("delivery", "dispatch")
                lab.stack.wait()
                time.sleep(SETTLING_SECONDS)
            yield Site(lab, url, RequestLog(log), lab.counts().get("ready", 0))


def send_all(here: Site) -> tuple[list[float], float]:
    """Let everything go: (instants at which the provider took each, seconds it took).

    Raises:
        RuntimeError: not every message was sent.
    """
    lab = here.lab
    began = machine_seconds()
    _put(lab, CampaignState.ACTIVE)
    while lab.sending():
        time.sleep(POLL_SECONDS)
    ended = machine_seconds()
    sent = lab.counts().get("sent", 0)
    taken = sorted(one.at for one in here.log.complete() if one.taken and began <= one.at <= ended)
    if not sent == here.ready == len(taken):
        raise RuntimeError(
            f"{here.ready} messages were ready, {len(taken)} taken, {sent} sent: {lab.counts()}"
        )
    return taken, ended - taken[0]


def _put(lab: Lab, state: CampaignState) -> None:
    now = lab.runtime.clock.now()
    with lab.runtime.transaction() as connection:
        for campaign in lab.campaigns.values():
            campaign_states.change(
                connection, campaign, state, actor="bench", reason="measuring", now=now
            )


def _bare(here: Site, case: Case) -> Loop:
    return bare.run(here.url, min(case.messages, BARE_REQUESTS), connections=case.bare_connections)

"""`recado bench optout`: how soon a STOP is in force and confirmed, with bulk at work and without.

One stack, two phases, different people in each. In the first nothing but their own messages
waits. For the second the bulk campaigns' messages wait in the store, ready to go; then they are
let go, and a feeder enqueues more for as long as the phase lasts, so that the reader of the
stream, every stage, the dispatcher and the delivery all work, through the same senders that the
people answer to.

Each phase has replies at an even rate, and then many at once. They are posted by a process of
their own, each is timed from the instant at which it was to be posted, and each is checked
afterwards: in the store, and in the provider's own log.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import bulk, repliers, verdict, world
from benchmarks.bulk import Feeder
from benchmarks.comparison import WARM_UP, Comparison, Phase, Plan, Volley
from benchmarks.lab import Lab, laboratory
from benchmarks.packs import without_thresholds
from benchmarks.traffic import RequestLog, glimpsed, traffic
from benchmarks.verdict import Leaver
from benchmarks.volley import read_answers, write_shots
from benchmarks.world import Person
from pipeline.policy.vocabulary import CampaignState
from pipeline.producer import STREAM
from workers.reports.balance import Balance
from workers.sandbox.options import Behaviour, WebhookAccount
from workers.stack.ports import free_port
from workers.stack.roles import sandbox_role, standard_roles, web_role

GIVE_UP_SECONDS = 1800.0
LANE_SECONDS = 180.0
"""How long the lane may take to finish after the last reply; what is not done then is a failure."""

FRONT = 3
"""The people who leave under load are among so many times as many at the front of the queue: some
have had their message, one is being sent to some, and for most it waits."""


class TooFewError(ValueError):
    """Not enough messages for everybody who is to leave."""


@dataclass(slots=True)
class _Site:
    """The stack, with what belongs to this benchmark."""

    lab: Lab
    plan: Plan
    account: WebhookAccount
    folder: Path
    log: RequestLog
    problems: list[str] = field(default_factory=list)


def measure(plan: Plan) -> Comparison:
    """Run both phases in one stack.

    Raises:
        TooFewError: fewer messages than people who are to leave.
    """
    if plan.messages < plan.people:
        raise TooFewError(
            f"{plan.people} people leave in each phase: at least so many messages are needed"
        )
    everybody = world.people(plan.people + plan.messages)
    few, crowd = everybody[: plan.people], everybody[plan.people :]
    with _site(plan) as site:
        lab = site.lab
        lab.populate(everybody, rate_per_second=plan.sender_rate)
        lab.stack.start()
        lab.stack.wait()
        waiting = bulk.copies(lab, "quiet", CampaignState.PAUSED)
        bulk.enqueue(lab, waiting, few)
        _await(lab, lambda: lab.staged(len(few)))
        quiet = _phase(site, "quiet", few)
        waiting = bulk.copies(lab, "bulk", CampaignState.PAUSED)
        bulk.enqueue(lab, waiting, crowd)
        _await(lab, lambda: lab.staged(len(everybody)))
        lab.vacuum()
        bulk.set_state(lab, waiting.values(), CampaignState.ACTIVE)
        with bulk.fed(lab, crowd) as feeder:
            sent = len(site.log.read())
            _await(lab, lambda: len(site.log.read()) > sent + plan.messages // 100)
            busy = _phase(site, "busy", _at_the_front(crowd, plan.people), loaded=True)
        bulk.set_state(lab, (*waiting.values(), *feeder.campaigns), CampaignState.PAUSED)
        _await(lab, lambda: not (lab.runtime.redis.xlen(STREAM) or lab.on_the_wire()))
        found, requests = verdict.balance(lab), site.log.complete()
        longest = verdict.longest_after_force([*quiet.people, *busy.people], requests)
        enqueued = len(everybody) + feeder.fed
        site.problems += verdict.balance_problems(found, requests, enqueued)
        site.problems += _final_problems(lab, longest, feeder)
    return Comparison(
        plan=plan,
        quiet=quiet,
        busy=busy,
        longest_after_force=longest,
        balance=found,
        problems=site.problems,
    )


def _final_problems(lab: Lab, longest: float | None, feeder: Feeder) -> Iterator[str]:
    """What only the end shows, when nothing is on the wire any more."""
    if longest is not None and longest > verdict.LATEST_SECONDS:
        yield f"a message left {longest * 1000:.0f} ms after an opt-out was in force"
    if feeder.trouble:
        yield feeder.trouble
    if lab.stack.restarts:
        yield f"{lab.stack.restarts} processes died and were started again"


@contextmanager
def _site(plan: Plan) -> Iterator[_Site]:
    web, sandbox = free_port(), free_port()
    address = f"http://127.0.0.1:{sandbox}"
    settings = {
        "RECADO_PROVIDERS__SANDBOX__KIND": "sandbox",
        "RECADO_PROVIDERS__SANDBOX__BASE_URL": address,
        # At this level each stage logs its chunks, which shows what the load was.
        "RECADO_LOG_LEVEL": "INFO",
    }
    with tempfile.TemporaryDirectory(prefix="recado-bench-") as name:
        folder = Path(name)
        settings["RECADO_POLICIES"] = str(without_thresholds(folder / "packs"))
        log = folder / "requests.ndjson"
        account = WebhookAccount(base_url=f"http://127.0.0.1:{web}")
        behaviour = Behaviour(callbacks=plan.callbacks)
        roles = (
            sandbox_role(sandbox, behaviour, log=str(log), webhook_url=account.base_url),
            web_role(web),
            *standard_roles(),
        )
        with laboratory(roles, environment=settings) as lab:
            yield _Site(lab, plan, account, folder, RequestLog(log))


def _at_the_front(crowd: Sequence[Person], amount: int) -> list[Person]:
    """So many people, evenly spread over the front of the queue."""
    step = min(FRONT, len(crowd) // amount)
    return list(crowd[: step * amount : step])


def _phase(site: _Site, name: str, people: Sequence[Person], *, loaded: bool = False) -> Phase:
    plan = site.plan
    waiting = _waiting(verdict.balance(site.lab))
    steady_end = len(people) - plan.burst
    _volley(site, f"{name}-first", people[:WARM_UP], per_second=20)
    steady = _volley(site, f"{name}-even", people[WARM_UP:steady_end], per_second=plan.rate)
    burst = _volley(site, f"{name}-burst", people[steady_end:], per_second=None)
    for kind, volley in (("replies at an even rate", steady), ("replies at once", burst)):
        found = verdict.problems(volley.people)
        still = volley.traffic.still_seconds if loaded else 0
        if still:
            found.append(f"bulk stood still in {still} of {volley.traffic.seconds} seconds")
        site.problems += [f"{name}, {kind}: {problem}" for problem in found]
    return Phase(waiting=waiting, steady=steady, burst=burst)


def _waiting(balance: Balance) -> int:
    return balance.lines["deferred"] + balance.lines["waiting"]


def _volley(
    site: _Site, name: str, people: Sequence[Person], *, per_second: float | None
) -> Volley:
    """Have people reply, and wait until the lane has finished with them."""
    leaving = repliers.replies(people, name=name)
    shots, answered = site.folder / f"{name}.shots", site.folder / f"{name}.answers"
    write_shots(shots, repliers.shots(leaving, site.account, per_second=per_second))
    command = [
        *(sys.executable, "-m", "benchmarks.volley", str(shots), str(answered)),
        *("--connections", str(site.plan.connections)),
    ]
    with glimpsed(site.lab) as glimpse:
        _post(site.lab, command)
        deadline = time.monotonic() + LANE_SECONDS
        _await(site.lab, lambda: not verdict.lane_has_work(site.lab) or time.monotonic() > deadline)
    answers, cpu_seconds = read_answers(answered)
    requests = site.log.complete()
    found = verdict.leavers(site.lab, leaving, answers, requests)
    began, ended = answers[0].due, _end(found)
    return Volley(
        began=began,
        people=found,
        traffic=traffic(glimpse, requests, site.lab.stack.logs, began=began, ended=ended),
        poster_cores=cpu_seconds / (max(answer.answered for answer in answers) - began),
    )


def _post(lab: Lab, command: Sequence[str]) -> None:
    poster = subprocess.Popen(command)  # noqa: S603 - our own module
    try:
        _await(lab, lambda: poster.poll() is not None)
    finally:
        poster.kill()
        poster.wait()
    if poster.returncode:
        raise RuntimeError(f"posting the replies ended with {poster.returncode}")


def _end(people: Sequence[Leaver]) -> float:
    """When the last of them was answered, and had a confirmation."""
    return max(max((one.answer.answered, *one.asked)) for one in people)


def _await(lab: Lab, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        lab.stack.tend()
        if time.monotonic() > deadline:
            raise TimeoutError(f"not finished after {GIVE_UP_SECONDS:.0f} s; see {lab.stack.logs}")
        time.sleep(0.1)

"""From a person's words to the proof, with and without faults on the way."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from redis import Redis

from pipeline.policy.vocabulary import Channel
from pipeline.producer import Producer
from tests.faults.leaving import BULK, DISPATCH, OPTOUT, Lane
from tests.integration.world import NOW, World, numbers
from tests.own_servers import OwnServers, own, servers
from workers.runtime import Runtime
from workers.sandbox.client import behave
from workers.sandbox.options import Behaviour
from workers.servers import Servers
from workers.stack.ports import free_port

__all__ = ["own", "servers"]

Start = Callable[..., "subprocess.Popen[str]"]
WaitFor = Callable[..., None]
Recado = Callable[..., "subprocess.CompletedProcess[str]"]

PEOPLE = 200
SAIR = "sair por favor"


@pytest.fixture
def lane(runtime: Runtime, servers: Servers, start: Start, wait_for: WaitFor) -> Lane:
    """A Brazilian campaign that takes a while, its stack without the lane's worker."""
    world = World(runtime)
    world.sender(
        "br",
        country="BR",
        channel=Channel.WHATSAPP,
        rate_per_second=20.0,
        registration={
            "kind": "operator",
            "status": "approved",
            "cnpj": "11222333000181",
            "template": "oferta",
        },
    )
    world.campaign("br", country="BR", channel=Channel.WHATSAPP)
    phones = numbers(PEOPLE, "BR")
    world.consent(world.contacts(phones))
    behaviour = Behaviour(latency_ms=5, callbacks=True)
    lane = Lane.open(world, start, (free_port(), free_port()), wait_for, behaviour)
    lane.start(*BULK, DISPATCH)
    with Redis.from_url(servers.redis_url) as client:
        Producer(client).send("br", [{"to": phone} for phone in phones])
    wait_for(lambda: len(lane.taken()) >= 10, timeout=60, what="the middle of the campaign")
    return lane


def _waiting(lane: Lane) -> str:
    """Somebody whose message will be among the last."""
    (row,) = lane.world.query(
        "SELECT c.phone FROM messages m JOIN contacts c ON c.id = m.contact_id"
        " WHERE m.state = 'ready' ORDER BY m.id DESC LIMIT 1"
    )
    phone: str = row.phone
    return phone


def _say(lane: Lane, phone: str, body: str = SAIR) -> None:
    reply = {"channel": "whatsapp", "from": phone, "to": "br", "body": body}
    (result,) = lane.reply([reply])
    assert result["status"] == 200


def _confirmed(lane: Lane) -> bool:
    return all(row.confirmation == "sent" for row in lane.opt_outs())


def _report(recado: Recado) -> tuple[int, dict[str, Any]]:
    since = NOW.date().isoformat()
    env = {"RECADO_CLOCK_START": NOW.isoformat()}
    result = recado("optouts", "report", "--from", since, "--json", env=env)
    report: dict[str, Any] = json.loads(result.stdout)
    return result.returncode, report


def _check_whole_way(lane: Lane, phone: str, recado: Recado, wait_for: WaitFor) -> None:
    """The message was stopped, the person told once, and the report proves it."""
    (confirmation,) = lane.confirmations()
    assert confirmation["to"] == phone
    (notice,) = lane.world.query("SELECT body, state FROM notices")
    assert "cancelamento foi confirmado" in notice.body
    messages = lane.world.query(
        "SELECT m.state, m.reason, m.rule FROM messages m JOIN contacts c ON c.id = m.contact_id"
        " WHERE c.phone = :phone",
        phone=phone,
    )
    assert [(row.state, row.reason) for row in messages] == [("blocked", "suppressed")]
    wait_for(_in_ledger(lane), what="the revocation in the ledger")
    code, report = _report(recado)
    assert code == 0
    assert (report["kept"], report["people"]) == (True, 1)
    assert (report["after_force"]["sent"], report["breaches"]) == (0, [])
    assert report["confirmations"]["sent"] == 1


def _in_ledger(lane: Lane) -> Callable[[], object]:
    return lambda: lane.world.query("SELECT FROM consent_events WHERE kind = 'revoked'")


def test_from_sair_to_the_report(lane: Lane, recado: Recado, wait_for: WaitFor) -> None:
    lane.start(OPTOUT)
    phone = _waiting(lane)
    _say(lane, phone)
    (opt_out,) = lane.opt_outs()  # the webhook has answered: it is in force
    assert opt_out.phone == phone
    wait_for(lambda: _confirmed(lane), timeout=30, what="the confirmation")
    _check_whole_way(lane, phone, recado, wait_for)


def test_with_redis_gone_it_is_in_force_and_the_rest_follows(
    lane: Lane, own: OwnServers, recado: Recado, wait_for: WaitFor
) -> None:
    lane.start(OPTOUT)
    phone = _waiting(lane)
    bring_back = own.kill_valkey()

    before = time.monotonic()
    _say(lane, phone)

    assert time.monotonic() - before < 5
    (opt_out,) = lane.opt_outs()
    assert (opt_out.phone, opt_out.confirmation) == (phone, "due")
    assert lane.world.query("SELECT FROM suppressions WHERE lifted_at IS NULL")
    # Long enough for the row's lease to run out while nobody can be told.
    wait_for(_lease_lapsed(lane), timeout=30, what="the end of the row's lease")
    assert not lane.confirmations()
    bring_back()
    wait_for(lambda: _confirmed(lane), timeout=60, what="the confirmation")
    _check_whole_way(lane, phone, recado, wait_for)


def _lease_lapsed(lane: Lane) -> Callable[[], object]:
    return lambda: lane.world.query(
        "SELECT FROM inbound_messages WHERE handled_at IS NULL AND lease_until < clock_timestamp()"
    )


def _kill(process: "subprocess.Popen[str]") -> None:
    """End a worker and its children at once, without a word."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children()]
    for member in family:
        os.kill(member.pid, signal.SIGKILL)
    process.wait(10)
    psutil.wait_procs(family, 10)


def test_a_lane_killed_with_the_confirmation_on_the_wire_sends_one(
    lane: Lane, recado: Recado, wait_for: WaitFor
) -> None:
    _slow(lane, 3000)
    (worker,) = lane.start(OPTOUT)
    phone = _waiting(lane)
    _say(lane, phone)
    wait_for(lane.confirmations, timeout=30, what="the confirmation on the wire")
    _kill(worker)
    assert not _confirmed(lane)

    _slow(lane, 5)
    lane.start(OPTOUT)

    # Its lease runs out and it is in doubt; what the provider reports of it settles that.
    wait_for(lambda: _confirmed(lane), timeout=60, what="the evidence")
    _check_whole_way(lane, phone, recado, wait_for)


def test_a_lane_killed_before_it_began_sends_one(
    lane: Lane, recado: Recado, wait_for: WaitFor
) -> None:
    (worker,) = lane.start(OPTOUT)
    wait_for(_children(worker), timeout=60, what="the lane's worker")
    for member in psutil.Process(worker.pid).children():
        member.suspend()
    phone = _waiting(lane)
    _say(lane, phone)
    _kill(worker)
    assert not lane.confirmations()

    lane.start(OPTOUT)

    wait_for(lambda: _confirmed(lane), timeout=60, what="the confirmation")
    _check_whole_way(lane, phone, recado, wait_for)


def _children(worker: "subprocess.Popen[str]") -> Callable[[], object]:
    return lambda: psutil.Process(worker.pid).children()


def _slow(lane: Lane, latency_ms: int) -> None:
    behave(lane.sandbox_port, latency_ms=latency_ms)


def test_everybody_else_still_gets_the_message(lane: Lane, wait_for: WaitFor) -> None:
    """With the lane's worker missing altogether the opt-out holds all the same."""
    phone = _waiting(lane)
    _say(lane, phone)
    wait_for(
        lambda: lane.world.query(
            "SELECT FROM messages WHERE state IN ('delivered', 'sent') HAVING count(*) = :n",
            n=PEOPLE - 1,
        ),
        timeout=90,
        what="the end of the campaign",
    )
    assert phone not in {entry["to"] for entry in lane.taken()}

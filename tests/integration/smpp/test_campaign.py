"""A campaign through an SMSC, by real workers: taken, receipted, and left by a STOP."""

import subprocess
from collections.abc import Callable

from redis import Redis

from pipeline.policy.vocabulary import Stage
from pipeline.producer import Producer
from tests.integration.smpp.desk import OURS, settings_of
from tests.integration.smpp.smsc import Smsc
from tests.integration.world import NOW, World, numbers
from workers.servers import Servers
from workers.stack.roles import recado_role, smpp_role, worker_role

Start = Callable[..., "subprocess.Popen[str]"]
WaitFor = Callable[..., None]

ROLES = (
    smpp_role(),
    recado_role("intake"),
    worker_role("bulk", (Stage.CONSENT, Stage.WINDOW, Stage.THROTTLE), processes=1),
    worker_role("delivery", (Stage.DELIVERY,), processes=1),
    worker_role("optout", (Stage.OPTOUT,), processes=1),
    recado_role("dispatch"),
)

PEOPLE = 40
LATER = 20
"""Of them, those whose message is enqueued after somebody has left."""


def test_a_campaign_is_delivered_and_a_stop_is_in_force_and_confirmed(
    smsc: Smsc, world: World, servers: Servers, start: Start, wait_for: WaitFor
) -> None:
    world.sender(provider="acme", address=OURS, rate_per_second=200.0)
    world.campaign()
    phones = numbers(PEOPLE)
    world.consent(world.contacts(phones))
    leaver = phones[-1]
    smsc.conduct(
        radix=16,
        next=[{"status": 0x58}, {"status": 0x14}],
        receipts={"stat": "DELIVRD", "radix": 10},
    )
    env = settings_of(smsc, RECEIPT_IDS="hex_then_decimal", WINDOW="20") | {
        "RECADO_CLOCK_START": NOW.isoformat()
    }
    for role in ROLES:
        _, _, module, *arguments = role.command
        start(*arguments, module=module, env=env)
    wait_for(lambda: "receiver" in smsc.log()["bound"], timeout=60, what="the receiver's bind")

    with Redis.from_url(servers.redis_url) as client:
        producer = Producer(client)
        producer.send("us", [{"to": phone} for phone in phones[:LATER]])
        wait_for(
            lambda: list(world.states().values()).count("delivered") == LATER,
            timeout=90,
            what="the first receipts",
        )
        stop = {
            "source_addr": leaver.removeprefix("+"),
            "source_addr_ton": 1,
            "destination_addr": OURS.removeprefix("+"),
            "dest_addr_ton": 1,
            "short_message": "STOP",
        }
        assert smsc.deliver(stop) == 0
        assert world.query("SELECT FROM suppressions")
        producer.send("us", [{"to": phone} for phone in phones[LATER:]])
    wait_for(
        lambda: (
            sorted(world.states().values()) == ["blocked"] + ["delivered"] * (PEOPLE - 1)
            and not world.query("SELECT FROM notices WHERE delivered_at IS NULL")
        ),
        timeout=60,
        what="the end",
    )

    (opt_out,) = world.query("SELECT confirmation FROM opt_outs")
    assert opt_out.confirmation == "sent"
    written = [one["to"][2] for one in smsc.log()["submits"]]
    # Two were refused for the rate, and sent again; who left got the confirmation alone.
    assert len(written) == PEOPLE - 1 + 1 + 2
    assert len(set(written)) == PEOPLE
    assert written.count(leaver.removeprefix("+")) == 1

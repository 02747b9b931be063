"""What services are told before they enqueue; webhooks are taken all the same."""

from datetime import timedelta

from pipeline.policy.vocabulary import MessageState
from pipeline.producer import BACKLOG_ENTRIES, STREAM
from tests.integration.web.calling import OUR_NUMBER, reply
from tests.integration.web.conftest import runtime_of, serving
from tests.integration.world import World, numbers
from workers.clock import machine_now


def test_pressure_makes_producers_wait_and_refuses_no_webhook(world: World) -> None:
    world.sender("us", provider="tw", address=OUR_NUMBER)
    people, lease = world.contacts(numbers(3)), machine_now() + timedelta(minutes=1)
    world.messages(world.campaign(), people, MessageState.ACCEPTED, lease_until=lease)
    for _ in range(BACKLOG_ENTRIES):
        world.runtime.redis.xadd(STREAM, {"schema": "x"})
    own = runtime_of(world.runtime)
    own.settings.intake.undecided = 3

    with serving(own) as site:
        ready = site.get("/readyz")
        answer = site.twilio(reply("STOP", numbers(1)[0]))
    own.close()

    assert (ready.status, answer.status) == (200, 200)
    assert ready.json == {
        "status": "degraded",
        "missing": [],
        "pressure": [
            {"of": "stream", "share": 1.0, "producers_wait": True},
            {"of": "undecided", "share": 1.0, "producers_wait": True},
        ],
        "retry_after_seconds": 5,
    }

"""The lane's worker is killed, or was never told: one answer, not two, not none."""

import time

from tests.integration.repliers import SECOND
from tests.integration.workers.lane.conftest import DISPATCHER, Scene
from tests.integration.world import numbers
from workers.clock import machine_now

PHONE = numbers(1)[0]

SHORT = {
    "RECADO_LEASES__SENDING_SECONDS": "3",
    "RECADO_PROVIDERS__SANDBOX__REQUEST_TIMEOUT": "2",
}
"""A doubt is found within seconds, and no request may outlast that."""


def test_a_reply_that_the_queue_never_heard_of_is_found(lane: Scene) -> None:
    """Redis was away when the webhook committed."""
    lane.worker()
    stop = lane.repliers.say(PHONE, lease=machine_now() + SECOND)

    lane.start(DISPATCHER)

    lane.wait_for_notices("sent")
    lane.wait_until_handled(stop)
    assert len(lane.taken()) == 1


def test_a_worker_killed_before_it_claimed_leaves_the_answer_to_another(lane: Scene) -> None:
    # A slow sender's first slot is seconds away: the notice waits in the worker.
    lane.world.sender("us", rate_per_second=0.2)
    worker = lane.worker()
    stop = lane.repliers.say(PHONE)
    lane.tell(stop)
    lane.wait_until_handled(stop)
    assert [notice.state for notice in lane.repliers.notices()] == ["pending"]

    lane.kill(worker)
    lane.world.execute("UPDATE notices SET lease_until = :then", then=machine_now())
    lane.worker()
    lane.start(DISPATCHER)

    lane.wait_for_notices("sent", timeout=30)
    assert len(lane.taken()) == 1
    assert lane.repliers.notices()[0].attempt == 1


def test_a_worker_killed_between_its_two_transactions_leaves_the_ledger_to_another(
    lane: Scene,
) -> None:
    stop = lane.repliers.say(PHONE)
    lane.repliers.settle(stop)  # and then it was killed
    lane.world.execute("UPDATE inbound_messages SET lease_until = :then", then=machine_now())
    lane.world.execute("UPDATE notices SET lease_until = :then", then=machine_now())

    lane.worker()
    lane.start(DISPATCHER)

    lane.wait_for_notices("sent")
    lane.wait_until_handled(stop)
    assert len(lane.taken()) == 1
    assert len(lane.world.query("SELECT FROM consent_events WHERE kind = 'revoked'")) == 1


def test_a_worker_killed_with_the_request_on_the_wire_leaves_it_in_doubt_and_nobody_repeats_it(
    lane: Scene,
) -> None:
    lane.behave(latency_ms=60_000)
    worker = lane.worker(**SHORT)
    lane.tell(lane.repliers.say(PHONE))
    lane.wait_for(lane.taken, what="the request")

    lane.kill(worker)
    lane.behave(latency_ms=0)
    lane.worker()
    lane.start(DISPATCHER)

    lane.wait_for_notices("in_doubt")
    assert lane.confirmations() == ["in_doubt"]
    lane.tell(lane.repliers.notices()[0].id)
    second = lane.repliers.say(numbers(2)[1])
    lane.tell(second)
    lane.wait_for_notices("sent")  # the lane goes on, and has seen the doubtful one
    assert len([entry for entry in lane.taken() if entry["to"] == PHONE]) == 1


def test_a_worker_killed_again_and_again_under_a_burst_answers_everybody_once(
    lane: Scene,
) -> None:
    lane.behave(latency_ms=30)
    lane.world.sender("us", rate_per_second=400.0)
    phones = numbers(600)
    lane.start(DISPATCHER)
    ids = lane.repliers.say_all(phones, lease=machine_now() + SECOND)
    lane.tell(*ids)
    for enough in (100, 250):
        worker = lane.worker(**SHORT)
        lane.wait_for(lambda: len(lane.taken()) >= enough, what="half of them")  # noqa: B023 - awaited here
        lane.kill(worker)
        lane.world.execute(
            "UPDATE notices SET lease_until = :then WHERE state = 'pending'", then=machine_now()
        )
    lane.worker(**SHORT)

    def settled() -> bool:
        states = {notice.state for notice in lane.repliers.notices()}
        return states <= {"sent", "in_doubt"} and len(lane.repliers.notices()) == 600

    lane.wait_for(settled, timeout=60, what="an end for everybody")
    time.sleep(0.5)  # nothing more may come
    taken = [int(entry["message_id"]) for entry in lane.taken()]
    assert len(taken) == len(set(taken))
    states = {notice.id: notice.state for notice in lane.repliers.notices()}
    assert {id_ for id_, state in states.items() if state == "sent"} <= set(taken)
    print(f"{list(states.values()).count('in_doubt')} in doubt of 600")  # noqa: T201 - a figure

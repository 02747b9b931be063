"""Redis dies before the reply and comes back empty: the answer follows."""

from tests.integration.workers.lane.conftest import DISPATCHER, Scene
from tests.integration.world import numbers
from tests.own_servers import OwnServers, own, servers

__all__ = ["own", "servers"]


def test_a_reply_that_comes_while_redis_is_away_is_answered_when_it_is_back(
    lane: Scene, own: OwnServers
) -> None:
    lane.worker()
    lane.start(DISPATCHER)
    first, second = numbers(2)
    lane.tell(lane.repliers.say(first))
    lane.wait_for_notices("sent")

    start_again = own.kill_valkey()
    stop = lane.repliers.say(second)
    own.wipe_valkey()
    start_again()

    lane.wait_for_notices("sent", 2, timeout=60)
    lane.wait_until_handled(stop)
    assert [entry["to"] for entry in lane.taken()] == [first, second]

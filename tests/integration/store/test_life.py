"""A message's life in any order of events: never sent twice, never lost, never after an opt-out."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.store.life import Life
from tests.integration.world import World


def test_whatever_happens_in_whatever_order_every_promise_holds(world: World) -> None:
    class Here(Life):
        pass

    Here.world = world

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            database=None,
        ),
    )

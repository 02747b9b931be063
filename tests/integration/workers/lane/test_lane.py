"""The lane's worker, a real one: people who reply are answered, once."""

import time

import pytest

from pipeline.policy.vocabulary import Channel, MessageState
from pipeline.providers.events import DeliveryStatus, StatusReport
from pipeline.stages import receive
from pipeline.stages.receive import Arrival
from tests.integration.repliers import SECOND, languages
from tests.integration.workers.lane.conftest import DISPATCHER, Scene
from tests.integration.world import NOW, numbers
from workers.clock import machine_now

PHONE, OTHER = numbers(2)


def test_a_stop_is_confirmed_once_by_the_sender_that_received_it(lane: Scene) -> None:
    lane.world.sender("a-first")
    campaign = lane.world.campaign(language="es-US")
    people = lane.world.contacts([PHONE])
    lane.world.messages(campaign, people, MessageState.SENT)
    waiting = lane.world.messages(campaign, people, MessageState.READY, key="next")
    lane.worker()

    stop = lane.repliers.say(PHONE)
    told_at = time.monotonic()
    lane.tell(stop)
    lane.tell(stop)

    lane.wait_for_notices("sent")
    print(f"confirmed after {time.monotonic() - told_at:.3f} s")  # noqa: T201 - a figure
    (entry,) = lane.taken()
    (notice,) = lane.repliers.notices()
    assert (entry["message_id"], entry["to"], entry["sender"]) == (str(notice.id), PHONE, "us")
    assert notice.body == "Acme: su baja está confirmada. No recibirá más mensajes de marketing."
    assert notice.provider_id == entry["provider_id"]
    lane.wait_until_handled(stop)
    clock = lane.repliers.clock(stop)
    assert (clock.confirmation, clock.cancelled) == ("sent", 1)
    assert NOW <= clock.confirmed_at < NOW + 60 * SECOND
    assert lane.world.row(waiting[0]).state == "blocked"


def test_a_second_stop_help_and_start_are_each_answered_as_they_should(lane: Scene) -> None:
    lane.world.consent(lane.world.contacts([PHONE]))
    lane.worker()
    bodies = ("STOP", "STOP", "HELP", "START")
    ids = [lane.repliers.say(PHONE, body, at=NOW + n * SECOND) for n, body in enumerate(bodies)]

    lane.tell(*ids)

    lane.wait_for_notices("sent", 3)
    lane.wait_until_handled(*ids)
    kinds = {str(notice.id): notice.kind for notice in lane.repliers.notices()}
    said = [kinds[entry["message_id"]] for entry in lane.taken()]
    assert sorted(said) == ["confirmation", "help", "welcome"]
    assert lane.confirmations() == ["sent", "repeated"]
    (entry,) = lane.world.query("SELECT lifted_at FROM suppressions")
    assert entry.lifted_at == NOW + 3 * SECOND


def test_another_sender_answers_when_the_accounts_of_the_first_are_gone(lane: Scene) -> None:
    lane.world.sender("us", provider="gone")
    lane.world.sender("us2")
    lane.worker()
    lane.tell(lane.repliers.say(PHONE, account="gone"))
    lane.wait_for_notices("sent")
    assert [entry["sender"] for entry in lane.taken()] == ["us2"]


@pytest.mark.parametrize("code", [20503, 20429])
def test_what_the_provider_refuses_for_now_goes_out_when_it_takes_it(
    lane: Scene, code: int
) -> None:
    lane.behave(error_rate=1.0, error_code=code)
    lane.worker()
    lane.start(DISPATCHER)
    stop = lane.repliers.say(PHONE)
    lane.tell(stop)
    lane.wait_for(lambda: lane.attempts() >= 3, what="three attempts")
    assert lane.confirmations() == ["due"]

    lane.behave(error_rate=0.0)

    lane.wait_for_notices("sent")
    assert len(lane.taken()) == 1
    assert lane.confirmations() == ["sent"]


def test_a_provider_that_never_answers_leaves_it_in_doubt_until_it_reports(lane: Scene) -> None:
    lane.behave(recipients={PHONE: "hang"})
    lane.worker(RECADO_PROVIDERS__SANDBOX__REQUEST_TIMEOUT="1")
    lane.start(DISPATCHER)
    lane.tell(lane.repliers.say(PHONE))
    lane.wait_for_notices("in_doubt")
    assert lane.confirmations() == ["in_doubt"]
    (entry,) = lane.taken()

    report = StatusReport(
        provider_id=entry["provider_id"],
        message_id=int(entry["message_id"]),
        channel=Channel.SMS,
        status=DeliveryStatus.DELIVERED,
        occurred_at=NOW + SECOND,
    )
    with lane.world.runtime.transaction() as connection:
        receive.take(
            connection,
            [Arrival(account="sandbox", event=report, received_at=NOW + SECOND)],
            books=lane.world.runtime.books,
            lexicon=languages().lexicon,
            now=NOW + SECOND,
            lease=machine_now(),
        )

    (notice,) = lane.repliers.notices()
    assert (notice.state, notice.provider_id) == ("sent", entry["provider_id"])
    assert lane.confirmations() == ["sent"]
    assert len(lane.taken()) == 1


def test_a_worker_that_is_asked_to_stop_finishes_what_it_has_begun(lane: Scene) -> None:
    lane.behave(latency_ms=1500)
    worker = lane.worker()
    ids = lane.repliers.say_all(numbers(20))
    lane.tell(*ids)
    lane.wait_for(lane.taken, what="the first request")

    worker.terminate()
    worker.wait(40)

    states = [notice.state for notice in lane.repliers.notices()]
    assert states.count("sent") == len(lane.taken())
    assert set(states) <= {"sent", "pending"}
    assert not lane.world.query("SELECT FROM inbound_messages WHERE handled_at IS NULL")
    # What it had not begun is anybody's at once.
    assert not lane.world.query("SELECT FROM notices WHERE lease_until IS NOT NULL")


def test_a_thousand_replies_at_once_are_drained_by_one_worker(lane: Scene) -> None:
    lane.world.sender("us", rate_per_second=1000.0)
    phones = numbers(1000)
    people = lane.world.contacts(phones)
    lane.world.consent(people)
    lane.world.messages(lane.world.campaign(), people, MessageState.DEFERRED)
    lane.worker()
    ids = lane.repliers.say_all(phones)
    began = time.monotonic()

    for id_ in ids:
        lane.tell(id_)  # a webhook each

    lane.wait_for_notices("sent", 1000, timeout=60)
    print(f"1,000 replies answered in {time.monotonic() - began:.1f} s")  # noqa: T201 - a figure
    lane.wait_until_handled(*ids[-1:])
    lane.wait_for(
        lambda: not lane.world.query("SELECT FROM inbound_messages WHERE handled_at IS NULL"),
        timeout=60,
        what="the ledger",
    )
    print(f"and in the ledger after {time.monotonic() - began:.1f} s")  # noqa: T201 - a figure
    assert len({entry["to"] for entry in lane.taken()}) == len(lane.taken()) == 1000
    assert set(lane.world.states().values()) == {"blocked"}
    assert len(lane.world.query("SELECT FROM consent_events WHERE kind = 'revoked'")) == 1000

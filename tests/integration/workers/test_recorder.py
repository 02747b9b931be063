"""The recorder of answers: what was answered is written, whenever it is stopped."""

import asyncio
from datetime import timedelta

import pytest

from pipeline.limits.pace import Pace
from pipeline.policy.vocabulary import MessageState
from pipeline.providers.base import Accepted, Provider
from pipeline.stages import answers, delivery
from pipeline.stages.attempts import Answer
from tests.integration.world import NOW, World, numbers
from workers.accounts import AccountWatch
from workers.courier.means import CourierMeans
from workers.courier.recorder import PAUSE, open_recorder

LEASE = timedelta(seconds=90)


def _claimed(world: World, count: int) -> list[Answer]:
    sender = world.sender()
    people = world.contacts(numbers(count))
    ids = world.messages(world.campaign(), people, MessageState.READY, sender_id=sender.id)
    parcels = world.parcels(ids)
    directory = world.directory(parcels)
    with world.runtime.transaction() as connection:
        claimed = delivery.claim(
            connection,
            parcels,
            directory=directory,
            books=world.runtime.books,
            now=NOW,
            safe_until=NOW,
            lease=NOW + LEASE,
        )
    return [
        answers.read(one, Accepted(f"SM{place}"), sent_at=NOW) for place, one in enumerate(claimed)
    ]


def _no_provider(name: str) -> Provider:
    raise LookupError(name)


def _means(world: World) -> CourierMeans:
    runtime = world.runtime
    return CourierMeans(
        transaction=runtime.transaction,
        pace=Pace(runtime.redis),
        books=runtime.books,
        clock=runtime.clock,
        open_provider=_no_provider,
        capacity=10,
        claim_size=10,
        sending_lease=LEASE,
    )


@pytest.mark.usefixtures("still")
def test_a_batch_that_is_about_to_be_written_when_it_stops_is_written(world: World) -> None:
    """Stopped at any moment of a batch's way into the database, nothing stays unrecorded."""
    found = _claimed(world, 16)

    async def stop_after(answer: Answer, seconds: float) -> None:
        recorder = open_recorder(_means(world), AccountWatch())
        running = asyncio.create_task(recorder.run())
        recorder.add(answer)
        await asyncio.sleep(seconds)  # the moment of the stop is what is varied
        recorder.stop()
        await running
        recorder.close()

    async def stop_at_many_moments() -> None:
        for place, answer in enumerate(found):
            await stop_after(answer, PAUSE * (0.9 + place / 40))

    asyncio.run(stop_at_many_moments())

    assert set(world.states().values()) == {"sent"}


@pytest.mark.usefixtures("still")
def test_an_answer_that_cannot_be_written_takes_no_other_with_it(world: World) -> None:
    good = _claimed(world, 5)
    # No provider's dialect lets this through; whatever does, the others are written.
    bad = answers.read(good[2].claimed, Accepted("\ud83d"), sent_at=NOW)

    async def write() -> None:
        recorder = open_recorder(_means(world), AccountWatch())
        for answer in [*good[:2], bad, *good[3:]]:
            recorder.add(answer)
        await recorder.flush()
        recorder.close()

    asyncio.run(write())

    assert sorted(world.states().values()) == ["sending", "sent", "sent", "sent", "sent"]
    assert world.row(bad.claimed.parcel.id).state == "sending"

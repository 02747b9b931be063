"""Caps and quotas are exact when processes race for them."""

import multiprocessing
import random
import traceback
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from config.languages_file import load_languages
from config.policies import load_policies
from pipeline.policy.vocabulary import MessageState, Tier
from pipeline.providers.base import Accepted
from pipeline.stages import answers, delivery
from pipeline.stages.books import Books
from pipeline.store import claims
from pipeline.store.engine import create_store_engine
from tests.integration.world import NOW, World, directory_of, numbers

SPAWN = multiprocessing.get_context("spawn")

PROCESSES = 8
CHUNK = 40
QUOTA = 500
CAP = 3


def _race(index: int, database_url: str, ids: Sequence[int], start: Any, results: Any) -> None:
    """One process: claim whatever it can until a whole pass gets nothing."""
    try:
        results.put(_claim_all(index, database_url, list(ids), start))
    except Exception:  # noqa: BLE001 - the test shows whatever it was
        results.put(traceback.format_exc())


def _claim_all(index: int, database_url: str, ids: list[int], start: Any) -> list[tuple[int, int]]:
    """Claim and record; the (message, attempt) pairs that this process got."""
    generator = random.Random(index)
    engine = create_store_engine(database_url)
    books = Books(load_policies(), words=load_languages().words)
    got: list[tuple[int, int]] = []
    claimed_in_pass, step = 1, 0
    start.wait()
    while claimed_in_pass:
        claimed_in_pass = 0
        generator.shuffle(ids)
        for begin in range(0, len(ids), CHUNK):
            step += 1
            # No two claims of all processes carry the same instant.
            now = NOW + timedelta(microseconds=step * PROCESSES + index)
            with engine.begin() as connection:
                parcels = claims.load(connection, ids[begin : begin + CHUNK])
                claimed = delivery.claim(
                    connection,
                    parcels,
                    directory=directory_of(connection, parcels),
                    books=books,
                    now=now,
                    safe_until=now,
                    lease=NOW + timedelta(days=1),
                )
            claimed_in_pass += len(claimed)
            got += [(item.parcel.id, item.attempt) for item in claimed]
            # Some are sent, some come back and give their cap and quota to others.
            ends = [
                answers.not_started(item)
                if generator.random() < 0.3
                else answers.read(item, Accepted("SM"), sent_at=now)
                for item in claimed
            ]
            generator.shuffle(ends)
            with engine.begin() as connection:
                answers.record(connection, ends, books=books, now=now, machine_now=now)
    engine.dispose()
    return got


def test_racing_processes_take_each_message_once_and_stop_at_every_limit(world: World) -> None:
    new = world.sender("new", tier=Tier.NEW)
    large = world.sender("large")
    crowd = world.contacts(numbers(1000))
    campaign = world.campaign("quota")
    limited = world.messages(campaign, crowd[200:], MessageState.READY, sender_id=new.id)
    capped = [
        message
        for code in ("a", "b", "c", "d", "e")
        for message in world.messages(
            world.campaign(code), crowd[:200], MessageState.READY, sender_id=large.id
        )
    ]
    start, results = SPAWN.Barrier(PROCESSES), SPAWN.Queue()
    url = world.runtime.servers.database_url
    processes = [
        SPAWN.Process(target=_race, args=(index, url, limited + capped, start, results))
        for index in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    got = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(10)

    failures = [one for one in got if isinstance(one, str)]
    assert not failures, failures[0]
    attempts = [pair for one in got for pair in one]
    assert len(attempts) == len(set(attempts)), "two processes got the same attempt"
    assert sum(bool(one) for one in got) > 1, "only one process took part"

    states = world.states()
    assert Counter(states[id_] for id_ in limited) == {"sent": QUOTA, "ready": 800 - QUOTA}
    people = world.query(
        "SELECT count(*) FILTER (WHERE state = 'sent') AS sent FROM messages"
        " WHERE id = ANY(:ids) GROUP BY contact_id",
        ids=capped,
    )
    assert Counter(row.sent for row in people) == {CAP: 200}
    used = world.query("SELECT sender_id, sum(used) AS n FROM quota_use GROUP BY sender_id")
    assert {row.sender_id: row.n for row in used} == {new.id: QUOTA, large.id: 200 * CAP}

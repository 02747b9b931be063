"""Opt-outs that several change at once: in one order, so nobody waits in a circle."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from sqlalchemy.engine import Connection

from pipeline.store import notice_evidence, notices, opt_outs, waiting
from pipeline.store.notices import NoticeEnd, NoticeState
from tests.integration.repliers import Repliers
from tests.integration.world import NOW, World, numbers
from workers.clock import machine_now

PEOPLE = 60
ROUNDS = 40


@pytest.fixture
def repliers(world: World) -> Repliers:
    world.sender("us")
    return Repliers(world)


def _waits_for_lock(world: World) -> bool:
    return bool(world.query("SELECT FROM pg_locks WHERE NOT granted"))


def _confirm(connection: Connection, ids: Sequence[int]) -> None:
    opt_outs.note_in_force(connection, ids, at=NOW)


def _stop(connection: Connection, ids: Sequence[int]) -> None:
    waiting.stop_waiting(connection, ids, now=NOW)


def _record(connection: Connection, ids: Sequence[int]) -> None:
    query = "SELECT id FROM notices WHERE inbound_id = ANY(%s) ORDER BY array_position(%s, inbound_id)"
    _ = query
    _ = (connection, ids)

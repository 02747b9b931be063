"""Fixtures of the tests of what an SMSC delivers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.integration.smpp.desk import OURS, Desk, receiving
from tests.integration.smpp.sending import account
from tests.integration.smpp.smsc import Smsc
from tests.integration.world import World

WaitFor = Callable[..., None]


@pytest.fixture
def open_desk(smsc: Smsc, world: World, wait_for: WaitFor) -> Iterator[Callable[..., Desk]]:
    with ExitStack() as stack:

        def run(**changes: Any) -> Desk:
            world.sender(provider="acme", address=OURS)
            world.campaign()
            desk = Desk(smsc, world)
            stack.enter_context(receiving(desk, account(smsc.address, **changes)))
            wait_for(lambda: "receiver" in smsc.log()["bound"], what="the bind")
            return desk

        yield run


@pytest.fixture
def desk(open_desk: Callable[..., Desk]) -> Desk:
    return open_desk()

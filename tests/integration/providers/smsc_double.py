"""The SMSC of the tests as a double of `test_cases.py`."""

from contextlib import ExitStack
from typing import Self

import pytest

from pipeline.policy.vocabulary import Channel
from pipeline.providers.base import Action
from pipeline.providers.registry import ProviderAccount
from pipeline.providers.smpp import codes
from pipeline.providers.smpp.account import SmppAccount, read_address
from tests.integration.providers.doubles import Scene
from tests.integration.smpp.smsc import NoSmscError, Smsc, installed_modules


class Status(int):
    """A ``command_status``, which results name as the specification does."""

    def __str__(self) -> str:
        return codes.name_of(self)


class SmscDouble:
    """An SMSC that does what a case wants."""

    kind = "smpp"
    channel = Channel.SMS
    sender = "+15550100001"
    scenes = frozenset(
        {
            *(Scene.TAKEN, Scene.REFUSED, Scene.GARBAGE, Scene.PAGE),
            *(Scene.HALF, Scene.CLOSED, Scene.SILENT),
        }
    )
    codes = {  # noqa: RUF012 - as the protocol of doubles has it
        Action.RETRY_LATER: Status(0x08),
        Action.SLOW_SENDER: Status(0x58),
        Action.FAIL: Status(0x0B),
        Action.FAIL_FILTERED: Status(0x66),
        Action.HALT_SENDER: Status(0x0A),
        Action.HALT_ACCOUNT: Status(0x15),
        Action.AMBIGUOUS: Status(0xFF),
    }
    unknown = Status(0x0412)

    def __enter__(self) -> Self:
        try:
            modules = installed_modules()
        except NoSmscError as error:
            pytest.skip(str(error))  # the tests of SMPP fail where it is required
        self._stack = ExitStack()
        self._smsc = self._stack.enter_context(Smsc(modules))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def taken(self) -> int:
        return len(self._smsc.log()["submits"])

    def play(self, scene: Scene, *, code: int | None = None) -> None:
        conducts: dict[Scene, dict[str, object]] = {
            Scene.TAKEN: {},
            Scene.REFUSED: {"status": code},
            Scene.GARBAGE: {"id": ""},
            Scene.PAGE: {"octets": b"<html><body>Sorry</body></html>".hex()},
            Scene.HALF: {"half": True},
            Scene.CLOSED: {"close": True},
            Scene.SILENT: {"silent": True},
        }
        self._smsc.conduct(submit=conducts[scene])

    def account(self, *, timeout: float, address: str | None = None) -> ProviderAccount:
        host, port, _ = read_address(f"smpp://{address}" if address else self._smsc.address)
        return ProviderAccount(
            smpp=SmppAccount(
                name="double",
                host=host,
                port=port,
                system_id="acme",
                password="secret",  # noqa: S106 - no real one
                request_timeout=timeout,
            )
        )

"""One table of cases that every adapter passes, each against a double that speaks its protocol."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipeline.policy.vocabulary import Category, Channel
from pipeline.providers.base import (
    Accepted,
    Action,
    Ambiguous,
    NotStarted,
    OutboundMessage,
    Provider,
    Rejected,
    SendResult,
)
from pipeline.providers.registry import create_provider
from tests.integration.providers.doubles import DOUBLES, Double, Scene
from tests.integration.providers.smsc_double import SmscDouble

LOST = (Scene.GARBAGE, Scene.PAGE, Scene.HALF, Scene.CLOSED, Scene.SILENT)
"""After these nobody can tell whether the message was taken."""


ADAPTERS = {**DOUBLES, "smpp": SmscDouble}


@pytest.fixture(params=ADAPTERS)
def double(request: pytest.FixtureRequest) -> Iterator[Double]:
    with ADAPTERS[request.param]() as server:
        yield server


def message_for(double: Double, number: int = 42) -> OutboundMessage:
    return OutboundMessage(
        message_id=number,
        attempt=1,
        channel=double.channel,
        category=Category.TRANSACTIONAL,
        sender_address=double.sender,
        to="+5511999990001",
        body="Acme: your order is on its way.",
        template=None,
        template_language=None,
        template_parameters=(),
        validity_seconds=None,
    )


def send(
    double: Double,
    *,
    messages: int = 1,
    timeout: float = 5.0,
    address: str | None = None,
    start_within: float | None = None,
) -> list[SendResult]:
    """The results of as many messages, one after the other through one provider."""

    async def main() -> list[SendResult]:
        provider = open_provider(double, timeout=timeout, address=address)
        try:
            return [
                await provider.send(message_for(double, number), start_within=start_within)
                for number in range(1, messages + 1)
            ]
        finally:
            await provider.close()

    return asyncio.run(main())


def open_provider(double: Double, *, timeout: float, address: str | None = None) -> Provider:
    return create_provider(double.kind, double.account(timeout=timeout, address=address))


def test_taken(double: Double) -> None:
    double.play(Scene.TAKEN)
    results = send(double, messages=3)
    assert all(isinstance(one, Accepted) and one.provider_id for one in results)
    assert not any(one.held or one.paused for one in results if isinstance(one, Accepted))
    assert double.taken == 3


@pytest.mark.parametrize("scene", [Scene.HELD, Scene.PAUSED])
def test_taken_and_kept_back(double: Double, scene: Scene) -> None:
    if scene not in double.scenes:
        pytest.skip("its answers do not tell")
    double.play(scene)
    (result,) = send(double)
    assert isinstance(result, Accepted)
    assert (result.held, result.paused) == (scene is Scene.HELD, scene is Scene.PAUSED)


@pytest.mark.parametrize("action", Action)
def test_each_class_of_refusal(double: Double, action: Action) -> None:
    code = double.codes.get(action)
    if code is None:
        pytest.skip("it has no code for that")
    double.play(Scene.REFUSED, code=code)
    (result,) = send(double)
    if action is Action.AMBIGUOUS:
        assert isinstance(result, Ambiguous)
    else:
        assert isinstance(result, Rejected)
        assert result.action is action
    assert (result.code, result.known) == (str(code), True)
    assert double.taken == 1


def test_a_sender_of_another_channel_is_halted_and_sends_nothing(double: Double) -> None:
    if double.kind not in ("smpp", "whatsapp_cloud"):
        pytest.skip("it carries both channels")
    other = Channel.WHATSAPP if double.channel is Channel.SMS else Channel.SMS

    async def main() -> SendResult:
        provider = open_provider(double, timeout=5.0)
        try:
            return await provider.send(replace(message_for(double), channel=other))
        finally:
            await provider.close()

    result = asyncio.run(main())
    assert isinstance(result, Rejected)
    assert (result.action, result.code) == (Action.HALT_SENDER, "account_unusable")
    assert double.taken == 0


def test_when_to_come_back(double: Double) -> None:
    if Scene.BUSY not in double.scenes:
        pytest.skip("its answers do not tell")
    double.play(Scene.BUSY)
    (result,) = send(double)
    assert isinstance(result, Rejected)
    assert result.retry_after == 7.0


def test_an_unknown_code_is_final_and_said_to_be_unknown(double: Double) -> None:
    double.play(Scene.REFUSED, code=double.unknown)
    (result,) = send(double)
    assert isinstance(result, Rejected)
    assert (result.action, result.code, result.known) == (Action.FAIL, str(double.unknown), False)


@pytest.mark.parametrize("scene", LOST)
def test_a_lost_answer_is_in_doubt_and_the_message_was_sent_once(
    double: Double, scene: Scene
) -> None:
    if scene not in double.scenes:
        pytest.skip("its protocol has no such answer")
    double.play(scene)
    (result,) = send(double, timeout=0.5 if scene is Scene.SILENT else 5.0)
    assert isinstance(result, Ambiguous)
    assert double.taken == 1


def test_nothing_is_repeated_on_a_kept_connection_that_ends(double: Double) -> None:
    """A client that repeats by itself does so here: on a connection that had worked before."""

    async def main() -> tuple[SendResult, SendResult]:
        provider = open_provider(double, timeout=5.0)
        try:
            double.play(Scene.TAKEN)
            first = await provider.send(message_for(double, 1))
            double.play(Scene.CLOSED)
            return first, await provider.send(message_for(double, 2))
        finally:
            await provider.close()

    first, second = asyncio.run(main())
    assert isinstance(first, Accepted)
    assert isinstance(second, Ambiguous)
    assert double.taken == 2


def test_nobody_listens(double: Double) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        (result,) = send(double, address=f"127.0.0.1:{held.getsockname()[1]}")
    assert isinstance(result, Rejected)
    assert (result.action, result.code) == (Action.RETRY_LATER, "unreachable")


def test_unknown_host(double: Double) -> None:
    (result,) = send(double, address="provider.invalid:1234")
    assert isinstance(result, Rejected)
    assert (result.action, result.code) == (Action.RETRY_LATER, "unreachable")


def test_too_late_to_start(double: Double) -> None:
    """Nobody answers the connection in the time that the message had: it never left."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with socket.create_connection(address):  # its only place is taken
            (result,) = send(
                double, address=f"127.0.0.1:{address[1]}", timeout=2.0, start_within=0.05
            )
    assert isinstance(result, NotStarted)
    assert double.taken == 0


def test_cancelled_while_nobody_answers(double: Double) -> None:
    double.play(Scene.SILENT)

    async def main() -> None:
        provider = open_provider(double, timeout=5.0)
        sending = asyncio.create_task(provider.send(message_for(double)))
        async with asyncio.timeout(10):
            while not double.taken:  # noqa: ASYNC110 - the server is in a thread of its own
                await asyncio.sleep(0.01)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await provider.close()

    asyncio.run(main())
    assert double.taken == 1

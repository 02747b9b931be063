"""Connections to an SMSC: bound, refused, lost, left, and opened again."""

import asyncio
import shutil
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.policy.vocabulary import Channel
from pipeline.providers.base import (
    Accepted,
    Action,
    Ambiguous,
    CannotTell,
    Rejected,
    SendResult,
    Sought,
)
from pipeline.providers.smpp.provider import SmppProvider
from tests.integration.smpp.sending import account, message, run, send, send_until_taken, until
from tests.integration.smpp.smsc import Smsc
from tests.integration.world import NOW


def test_an_smsc_that_is_not_there_has_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        (result,) = send(account(f"smpp://127.0.0.1:{port}"), message())
    assert isinstance(result, Rejected)
    assert (result.action, result.code) == (Action.RETRY_LATER, "unreachable")


@pytest.mark.parametrize(
    ("status", "action", "code"),
    [
        (0x0E, Action.HALT_ACCOUNT, "ESME_RINVPASWD"),
        (0x0F, Action.HALT_ACCOUNT, "ESME_RINVSYSID"),
        (0x05, Action.RETRY_LATER, "ESME_RALYBND"),
        (0x0D, Action.RETRY_LATER, "ESME_RBINDFAIL"),
        (0x0555, Action.HALT_ACCOUNT, "0x00000555"),
    ],
)
def test_a_refused_bind_is_told_and_nothing_has_left(
    smsc: Smsc, status: int, action: Action, code: str
) -> None:
    smsc.conduct(bind=status)
    (result,) = send(account(smsc.address), message())
    assert isinstance(result, Rejected)
    assert (result.action, result.code) == (action, code)
    assert smsc.log()["submits"] == []


def test_a_bind_that_fails_again_and_again_halts_the_account(smsc: Smsc) -> None:
    smsc.conduct(bind=0x0D)

    async def work(provider: SmppProvider) -> SendResult:
        async with asyncio.timeout(30):
            while True:
                result = await provider.send(message())
                if isinstance(result, Rejected) and result.action is Action.HALT_ACCOUNT:
                    return result
                await asyncio.sleep(0.05)

    assert run(account(smsc.address), work).code == "ESME_RBINDFAIL"


def test_a_lost_connection_is_opened_again(smsc: Smsc) -> None:
    async def work(provider: SmppProvider) -> list[SendResult]:
        first = await provider.send(message())
        await asyncio.to_thread(smsc.drop)
        # What is written before we learn of it is in doubt, and rightly so.
        await until(lambda: smsc.log()["connections"] == 2)
        return [first, await send_until_taken(provider)]

    results = run(account(smsc.address), work)
    assert all(isinstance(result, Accepted) for result in results)
    assert len(smsc.log()["submits"]) == 2


def test_a_bind_that_was_refused_is_tried_again(smsc: Smsc) -> None:
    smsc.conduct(bind=0x0E)

    async def work(provider: SmppProvider) -> SendResult:
        assert isinstance(await provider.send(message()), Rejected)
        await asyncio.to_thread(smsc.conduct, bind=0)
        return await send_until_taken(provider)

    assert isinstance(run(account(smsc.address), work), Accepted)


def test_an_unbound_session_takes_nothing_more_and_another_does(smsc: Smsc) -> None:
    async def work(provider: SmppProvider) -> SendResult:
        await provider.send(message())
        assert await asyncio.to_thread(smsc.unbind) == 0
        return await send_until_taken(provider)

    assert isinstance(run(account(smsc.address), work), Accepted)
    assert len(smsc.log()["binds"]) == 2


def test_both_sides_ask_whether_the_other_is_there(smsc: Smsc) -> None:
    async def work(provider: SmppProvider) -> int:
        await provider.send(message())
        await until(lambda: smsc.log()["enquiries"])
        status: int = await asyncio.to_thread(smsc.enquire)
        return status

    assert run(account(smsc.address, enquire_link_seconds=0.2), work) == 0
    assert smsc.log()["connections"] == 1


def test_an_smsc_that_answers_no_enquiry_is_left(smsc: Smsc) -> None:
    smsc.conduct(enquire=False)

    async def work(provider: SmppProvider) -> None:
        await provider.send(message())
        await until(lambda: smsc.log()["connections"] == 2)

    run(account(smsc.address, enquire_link_seconds=0.1), work)


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        struct.pack(">LLLL", 1 << 30, 0x80000004, 0, 1),
        struct.pack(">LLLL", 16, 0x80000000, 0x02, 0),
    ],
)
def test_garbage_ends_the_connection_and_leaves_messages_unknown(smsc: Smsc, octets: bytes) -> None:
    smsc.conduct(submit={"silent": True})

    async def work(provider: SmppProvider) -> SendResult:
        sent = asyncio.create_task(provider.send(message()))
        await until(lambda: smsc.log()["submits"])
        await asyncio.to_thread(smsc.say, octets)
        return await sent

    result = run(account(smsc.address), work)
    assert isinstance(result, Ambiguous)
    assert "no answer in time" not in result.detail


def test_a_command_that_nobody_knows_is_answered_and_harms_nothing(smsc: Smsc) -> None:
    async def work(provider: SmppProvider) -> SendResult:
        await provider.send(message())
        await asyncio.to_thread(smsc.say, struct.pack(">LLLL", 16, 0x00000777, 0, 9))
        return await provider.send(message())

    assert isinstance(run(account(smsc.address), work), Accepted)
    assert smsc.log()["connections"] == 1


def test_a_sending_session_takes_no_reply_since_it_could_not_keep_it(smsc: Smsc) -> None:
    async def work(provider: SmppProvider) -> Any:
        await provider.send(message())
        fields = {"source_addr": "1", "short_message": "STOP"}
        return await asyncio.to_thread(smsc.deliver, fields, mode="transmitter")

    assert run(account(smsc.address), work) == 0x64


def test_nothing_can_be_looked_up(smsc: Smsc) -> None:
    async def work(provider: SmppProvider) -> object:
        return await provider.find(
            Sought(
                message_id=42,
                channel=Channel.SMS,
                sender_address="+15550100001",
                to="+5511999990001",
                body="x",
                sent_after=NOW,
                sent_before=NOW,
            )
        )

    assert isinstance(run(account(smsc.address), work), CannotTell)


def test_a_password_is_in_no_text(smsc: Smsc) -> None:
    assert "secret" not in repr(account(smsc.address))


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Key and certificate of ``localhost``, which this process trusts from now on."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is needed to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(key), "-out", str(certificate)),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return key, certificate


def test_tls_carries_messages_to_whom_is_trusted_alone(
    smsc_modules: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Smsc(smsc_modules, certificate) as secure:
        (taken,) = send(account(secure.address), message())
        monkeypatch.delenv("SSL_CERT_FILE")
        (refused,) = send(account(secure.address), message())
        assert len(secure.log()["submits"]) == 1
    assert isinstance(taken, Accepted)
    assert isinstance(refused, Rejected)
    assert refused.code == "unreachable"

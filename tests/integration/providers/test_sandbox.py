"""The sandbox itself: its log, its counters, its behaviour, its command."""

import hmac
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from twilio.request_validator import RequestValidator

from pipeline.providers.base import Accepted, Rejected
from workers.sandbox.requestlog import Entry, RequestLog, SeenIds, SenderCount

PROGRAM = """
import typer
from config.logs import configure_logs
from workers.cli.sandbox import sandbox
configure_logs("json", "INFO")
typer.run(sandbox)
"""


def test_log_holds_every_request_in_order(sandbox: Any, send: Any, message: Any) -> None:
    sandbox.behave(recipients={"+15550000002": 21610})
    for number in (1, 2, 3):
        send(sandbox.address, message("sms", message_id=number, to=f"+1555000000{number}"))
    lines = sandbox.log()
    assert [line["seq"] for line in lines] == [1, 2, 3]
    assert [line["message_id"] for line in lines] == ["1", "2", "3"]
    assert [line["status"] for line in lines] == [201, 400, 201]
    assert [line["outcome"] for line in lines] == [None, 21610, None]
    assert lines[0]["at"] <= lines[1]["at"] <= lines[2]["at"]
    assert [line["seq"] for line in sandbox.log(after=2)] == [3]
    assert sandbox.log(after=3) == []


def test_long_log_can_be_read_from_anywhere(sandbox: Any, send: Any, message: Any) -> None:
    total = 1500
    send(sandbox.address, *(message("whatsapp", message_id=n) for n in range(total)))
    assert [line["seq"] for line in sandbox.log()] == list(range(1, total + 1))
    for after in (1, 255, 256, 257, 1024, total - 1):
        assert [line["seq"] for line in sandbox.log(after)] == list(range(after + 1, total + 1))
    assert len(sandbox.log_path.read_bytes().splitlines()) == total


def test_log_reaches_the_file_without_being_read(
    sandbox: Any, send: Any, message: Any, seconds: Callable[[], float]
) -> None:
    send(sandbox.address, message("sms"))
    end = seconds() + 5
    while not sandbox.log_path.read_bytes():
        assert seconds() < end, "the log was not written"


def test_duplicates_are_only_messages_taken_twice(sandbox: Any, send: Any, message: Any) -> None:
    number = "+15550000001"
    sandbox.behave(recipients={number: 20429})
    send(sandbox.address, message("sms", message_id=7, to=number))
    sandbox.behave(recipients={})
    send(sandbox.address, message("sms", message_id=7, to=number))
    assert sandbox.stats()["duplicates"] == 0
    send(sandbox.address, message("whatsapp", message_id=7))
    assert sandbox.stats()["duplicates"] == 1
    assert [line["duplicate"] for line in sandbox.log()] == [False, False, True]


def test_stats_count_by_sender(sandbox: Any, send: Any, message: Any) -> None:
    sandbox.behave(rate_limit=3)
    messages = [message("sms", message_id=n, sender_address="+15550100001") for n in range(5)]
    messages += [message("whatsapp", message_id=9, sender_address="+5511900000000")]
    results = send(sandbox.address, *messages)
    assert [type(result) for result in results].count(Accepted) == 4
    assert [type(result) for result in results].count(Rejected) == 2
    stats = sandbox.stats()
    assert (stats["taken"], stats["refused"]) == (4, 2)
    assert stats["outcomes"] == {"20429": 2}
    assert stats["senders"] == {
        "+15550100001": {"taken": 3, "refused": 2, "peak_per_second": 3},
        "+5511900000000": {"taken": 1, "refused": 0, "peak_per_second": 1},
    }


def test_peak_is_of_any_second_not_of_the_clocks() -> None:
    count = SenderCount()
    for at in (0.0, 0.6, 0.7, 0.8, 1.2, 1.3, 1.61, 5.0):
        count.take(at)
    assert count.peak == 5  # 0.6 to 1.3; each of the clock's own seconds has at most four
    assert count.within_last_second(5.9) == 1
    assert count.within_last_second(6.0) == 0
    assert len(count.recent) == 0


def test_rate_limit_holds_over_every_second(tmp_path: Path) -> None:
    count = SenderCount()
    log = RequestLog(tmp_path / "log")
    taken = []
    for tick in range(400):
        at = tick / 100
        if count.within_last_second(at) < 10:
            taken.append(at)
            entry = Entry(
                at=at,
                channel="sms",
                sender="+1",
                to="+2",
                message_id=str(tick),
                status=201,
                outcome=None,
                provider_id="SM",
            )
            log.add(entry, count)
    log.close()
    assert count.peak == 10
    assert all(later - early >= 1.0 for early, later in zip(taken, taken[10:], strict=False))


def test_error_rate_is_exact(sandbox: Any, send: Any, message: Any) -> None:
    sandbox.behave(error_rate=0.1, error_code=30008)
    results = send(sandbox.address, *(message("sms", message_id=n) for n in range(100)))
    refused = [result for result in results if isinstance(result, Rejected)]
    assert [result.code for result in refused] == ["30008"] * 10


def test_latency_with_jitter(
    sandbox: Any, send: Any, message: Any, seconds: Callable[[], float]
) -> None:
    sandbox.behave(latency_ms=200, jitter_ms=50)
    start = seconds()
    send(sandbox.address, *(message("sms", message_id=n) for n in range(50)))
    assert 0.15 <= seconds() - start < 1.5  # all at once, not one after the other


@pytest.mark.parametrize(
    "changes",
    [
        {"latency": 1},
        {"latency_ms": -1},
        {"latency_ms": "1"},
        {"error_rate": 1.1},
        {"error_code": "explode"},
        {"rate_limit": 0},
        {"rate_limit": True},
        {"recipients": []},
        {"recipients": {"+1": None}},
    ],
)
def test_wrong_behaviour_is_refused_and_changes_nothing(
    sandbox: Any, changes: dict[str, object]
) -> None:
    before = sandbox.get("/sandbox/behaviour")
    with pytest.raises(urllib.error.HTTPError) as error:
        sandbox.behave(**changes, jitter_ms=5)
    assert error.value.code == 400
    assert next(iter(changes)) in json.loads(error.value.read())["detail"]
    error.value.close()
    assert sandbox.get("/sandbox/behaviour") == before


def _connect(address: str) -> http.client.HTTPConnection:
    parts = urlsplit(address)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)


def test_health_and_unknown_paths(sandbox: Any) -> None:
    connection = _connect(sandbox.address)
    for method, path, status in (
        ("GET", "/healthz", 200),
        ("GET", "/nothing", 404),
        ("GET", "/sandbox/log?after=x", 400),
        ("POST", "/v25.0/900000000000002/messages", 401),
        ("POST", "/2010-04-01/Accounts/AC1/Messages.json", 401),
    ):
        connection.request(method, path, body=b"" if method == "POST" else None)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status, path
    connection.close()
    assert sandbox.log() == []


def test_incomplete_messages_are_refused(sandbox: Any) -> None:
    connection = _connect(sandbox.address)
    for path, scheme, body, code in (
        ("/2010-04-01/Accounts/AC1/Messages.json", "Basic x", b"To=%2B1", 21604),
        ("/v25.0/1/messages", "Bearer x", b'{"messaging_product":"whatsapp","to":"1"}', 100),
        ("/v25.0/1/messages", "Bearer x", b"not json", 100),
        ("/v25.0/1/messages", "Bearer x", b"\xff", 100),
    ):
        connection.request("POST", path, body, {"Authorization": scheme})
        answer = connection.getresponse()
        content = json.loads(answer.read())
        assert answer.status == 400
        assert content.get("error", content)["code"] == code
    connection.close()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", b"413"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"x" * 20_000, b"431"),
    ],
)
def test_unreadable_requests_are_refused(sandbox: Any, request_bytes: bytes, status: bytes) -> None:
    parts = urlsplit(sandbox.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(request_bytes)
        assert connection.recv(4096).split(b" ")[1] == status
        assert connection.recv(1) == b""


def test_requests_in_pieces_and_several_at_once(sandbox: Any) -> None:
    parts = urlsplit(sandbox.address)
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        for byte in request:
            connection.sendall(bytes((byte,)))
        connection.sendall(request + request[:-4] + b"\r\nConnection: close\r\n\r\n")
        received = b""
        while piece := connection.recv(4096):
            received += piece
    assert received.count(b"HTTP/1.1 200 OK") == 3


def test_seen_ids() -> None:
    seen = SeenIds()
    ids = ["0", "1", "2047", "2048", "9223372036854775807", "msg_x", "", "9" * 5000, "٣"]
    assert [seen.add(each) for each in ids] == [False] * len(ids)
    assert [seen.add(each) for each in ids] == [True] * len(ids)


@contextmanager
def running(*options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The command and its address; what still runs at the end, after a failed test, is ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_command_runs_until_terminated(tmp_path: Path, send: Any, message: Any) -> None:
    log = tmp_path / "log.ndjson"
    with running("--rate-limit", "1", "--log", str(log)) as (process, address):
        results = send(address, message("sms"), message("sms", message_id=43))
        os.kill(process.pid, signal.SIGTERM)
        process.wait(10)
        assert process.stdout is not None
        assert process.stdout.read() == ""
    assert process.returncode == 0
    assert [type(result) for result in results].count(Accepted) == 1
    assert len(log.read_text().splitlines()) == 2


def test_command_tells_of_a_taken_port(sandbox: Any) -> None:
    port = str(urlsplit(sandbox.address).port)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--port", port],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_command_calls_the_webhooks_of_an_account(
    tmp_path: Path, receiver: Any, send: Any, message: Any, wait_for: Any
) -> None:
    options = ["--log", str(tmp_path / "log"), "--webhook-url", receiver.address]
    options += ["--account", "acme", "--app-secret", "s3", "--auth-token", "t3", "--callbacks"]
    with running(*options) as (process, address):
        callback = f"{receiver.address}/webhooks/twilio/acme"
        send(address, message("sms"), message("whatsapp"), callback=callback)
        # One that is answered late is posted again.
        wait_for(lambda: len(receiver.received) >= 4)
        os.kill(process.pid, signal.SIGTERM)
        process.wait(10)
    assert process.returncode == 0
    for received in receiver.received:
        if received.path == "/webhooks/whatsapp/acme":
            signature = hmac.new(b"s3", received.body, sha256).hexdigest()
            assert received.headers["X-Hub-Signature-256"] == f"sha256={signature}"
        else:
            given = received.headers["X-Twilio-Signature"]
            assert RequestValidator("t3").validate(received.url, received.form, given)


def test_command_wants_to_know_whom_to_call() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--port", "0", "--callbacks"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    assert "--webhook-url" in done.stderr

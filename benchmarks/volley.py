"""``python -m benchmarks.volley SHOTS ANSWERS``: posts webhooks as a provider does, on a schedule.

The loop is open: each post begins at its own instant, however long the answers to others take,
and is timed from that instant, so that a system that stands still cannot hide the posts that it
has held up. It runs in a process of its own, and nothing of it is in the processes that it times.
"""

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp
from yarl import URL

from workers.clock import machine_seconds
from workers.sandbox.webhooks import Webhook

ANSWER_SECONDS = 15.0
"""How long an answer may take once the post is on its way: Twilio's own limit."""

NO_ANSWER = 0
"""Stands for a status where the connection was refused, broke, or nothing came in time."""

_LEAD_SECONDS = 0.5
"""Between having read the schedule and its first instant."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One post.

    Attributes:
        id: the provider's id of the event.
        due: seconds after the start of the volley.
    """

    id: str
    due: float
    webhook: Webhook


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one post; instants in seconds since 1970, machine time.

    Attributes:
        due: when it was to begin.
        sent: when it did begin.
        answered: when the whole answer was there.
        status: HTTP's; `NO_ANSWER` without one.
    """

    id: str
    due: float
    sent: float
    answered: float
    status: int

    @property
    def taken(self) -> bool:
        """Whether the webhook was answered with success."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's success


def write_shots(path: Path, shots: Sequence[Shot]) -> None:
    """Put a volley into a file."""
    with path.open("w") as file:
        for shot in shots:
            webhook = shot.webhook
            entry = [shot.id, shot.due, webhook.url, webhook.body.decode(), dict(webhook.headers)]
            file.write(json.dumps(entry) + "\n")


def read_answers(path: Path) -> tuple[list[Answer], float]:
    """The answers, in the volley's order, and the CPU seconds that posting took."""
    first, *lines = path.read_text().splitlines()
    return [Answer(**json.loads(line)) for line in lines], json.loads(first)["cpu_seconds"]


async def fire(shots: Sequence[Shot], *, connections: int) -> list[Answer]:
    """Post all of them, each at its instant.

    Args:
        connections: open at once; what is due beyond them waits, and its time counts.
    """
    loop = asyncio.get_running_loop()
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        timeout=aiohttp.ClientTimeout(sock_connect=ANSWER_SECONDS, sock_read=ANSWER_SECONDS),
        headers={"User-Agent": "recado-bench"},
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    async with session, asyncio.TaskGroup() as group:
        began, at = loop.time() + _LEAD_SECONDS, machine_seconds() + _LEAD_SECONDS
        posts = []
        for shot in shots:
            ahead = began + shot.due - loop.time()
            if ahead > 0:
                await asyncio.sleep(ahead)
            posts.append(group.create_task(_post(session, shot, at + shot.due)))
    return [post.result() for post in posts]


async def _post(session: aiohttp.ClientSession, shot: Shot, due: float) -> Answer:
    webhook, sent = shot.webhook, machine_seconds()
    try:
        async with session.post(
            URL(webhook.url, encoded=True), data=webhook.body, headers=webhook.headers
        ) as answer:
            await answer.read()
            status = answer.status
    except (TimeoutError, aiohttp.ClientError, OSError):
        status = NO_ANSWER
    return Answer(shot.id, due, sent, machine_seconds(), status)


def main() -> None:
    """Read the schedule, keep it, write what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shots", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--connections", type=int, required=True)
    options = parser.parse_args()
    shots = []
    with options.shots.open() as file:
        for id_, due, url, body, headers in map(json.loads, file):
            shots.append(Shot(id_, due, Webhook(url, body.encode(), headers)))
    gc.freeze()
    gc.disable()  # a pause of ours would be counted as one of theirs
    before = time.process_time()
    answers = asyncio.run(fire(shots, connections=options.connections))
    cpu_seconds = time.process_time() - before
    with options.answers.open("w") as file:
        file.write(json.dumps({"cpu_seconds": cpu_seconds}) + "\n")
        file.writelines(json.dumps(asdict(answer)) + "\n" for answer in answers)


if __name__ == "__main__":
    main()

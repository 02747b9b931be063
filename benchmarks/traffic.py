"""What went through a stack while it was looked at: messages, queues, processor time."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil, floor
from pathlib import Path

import psutil
from redis import RedisError

from benchmarks.lab import Lab, cpu_by_process
from pipeline.policy.vocabulary import Stage
from pipeline.producer import STREAM
from workers.clock import machine_seconds
from workers.queues import queue_lengths

SAMPLE_SECONDS = 0.5

WRITTEN_SECONDS = 0.25
"""The sandbox writes its log twenty times a second."""

_TAKEN = (200, 201)


@dataclass(frozen=True, slots=True)
class Request:
    """One request in the provider's log.

    Attributes:
        at: machine seconds since 1970.
        message_id: ours; below 0: an answer of the opt-out lane.
        taken: the provider has taken the message.
    """

    at: float
    message_id: int
    to: str
    taken: bool

    @property
    def is_answer(self) -> bool:
        """Whether it is a confirmation, and no campaign's message."""
        return self.message_id < 0


@dataclass(slots=True)
class RequestLog:
    """The sandbox's log, read on from where it was read to."""

    path: Path
    requests: list[Request] = field(default_factory=list)
    _read: int = 0

    def read(self) -> list[Request]:
        """Every request so far, in order."""
        with self.path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # its end is still to be written
                self._read += len(line)
                entry = json.loads(line)
                self.requests.append(
                    Request(
                        entry["at"],
                        int(entry["message_id"] or 0),
                        entry["to"],
                        entry["status"] in _TAKEN,
                    )
                )
        return self.requests

    def complete(self) -> list[Request]:
        """The same, once what the sandbox still held back is in the file."""
        time.sleep(WRITTEN_SECONDS)
        return self.read()


@dataclass(slots=True)
class Glimpse:
    """What was sampled while something ran.

    Attributes:
        began, ended: machine seconds since 1970.
        queues: the samples of each queue's length, in chunks; `stream` in entries.
        cores: process → how many cores it kept busy on average.
        others: the same, of every program that is not of this stack.
    """

    began: float = 0.0
    ended: float = 0.0
    queues: dict[str, list[int]] = field(default_factory=dict)
    cores: dict[str, float] = field(default_factory=dict)
    others: float = 0.0


@contextmanager
def glimpsed(lab: Lab) -> Iterator[Glimpse]:
    """Sample the stack for as long as the block runs."""
    glimpse = Glimpse()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            for name, length in _lengths(lab).items():
                glimpse.queues.setdefault(name, []).append(length)

    thread = threading.Thread(target=watch, daemon=True)
    before, all_before = cpu_by_process(lab), _busy_seconds()
    glimpse.began = machine_seconds()
    thread.start()
    try:
        yield glimpse
    finally:
        glimpse.ended = machine_seconds()
        after, all_after = cpu_by_process(lab), _busy_seconds()
        done.set()
        thread.join()
        seconds = glimpse.ended - glimpse.began
        glimpse.cores = {
            name: max(0.0, used - before.get(name, 0.0)) / seconds for name, used in after.items()
        }
        everything = (all_after - all_before) / seconds
        glimpse.others = max(0.0, everything - sum(glimpse.cores.values()))


def _busy_seconds() -> float:
    """Processor time that every program of this machine has used."""
    times = psutil.cpu_times()
    busy: float = times.user + times.nice + times.system
    return busy


def _lengths(lab: Lab) -> dict[str, int]:
    try:
        client = lab.runtime.redis
        lengths = {stage.value: length for stage, length in queue_lengths(client).items()}
        return lengths | {"stream": client.xlen(STREAM)}
    except RedisError:
        return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """What went through in a span of time.

    Attributes:
        sent_per_second: campaign messages that the provider took.
        sent_slowest: how many in the slowest whole second.
        still_seconds: whole seconds in which none was, of `seconds`.
        stages_per_second: messages that each stage took; the first is the reader of the stream.
        queues: the longest that each queue was, in chunks.
        cores: process → how many cores it kept busy.
        others: the same, of every program that is not of this stack, the posting one included.
    """

    seconds: int
    sent_per_second: float
    sent_slowest: int
    still_seconds: int
    stages_per_second: Mapping[str, float]
    queues: Mapping[str, int]
    cores: Mapping[str, float]
    others: float


def traffic(
    glimpse: Glimpse, requests: Sequence[Request], logs: Path, *, began: float, ended: float
) -> Traffic:
    """Count what went through between two moments of machine time.

    Args:
        logs: the folder of the roles' logs; their level is INFO.
    """
    first, last = floor(began), max(floor(began) + 1, ceil(ended))
    each = Counter(
        floor(one.at)
        for one in requests
        if one.taken and not one.is_answer and first <= one.at < last
    )
    whole = [each[second] for second in range(first + 1, last - 1)] or [sum(each.values())]
    seconds = last - first
    stages: Counter[str] = Counter()
    for at, stage, messages in _chunks(logs):
        if first <= at < last:
            stages[stage] += messages
    return Traffic(
        seconds=len(whole),
        sent_per_second=sum(whole) / len(whole),
        sent_slowest=min(whole),
        still_seconds=whole.count(0),
        stages_per_second={
            stage.value: round(stages[stage.value] / seconds)
            for stage in (Stage.INTAKE, Stage.CONSENT, Stage.WINDOW, Stage.THROTTLE)
        },
        queues={name: max(lengths) for name, lengths in sorted(glimpse.queues.items())},
        cores={name: round(cores, 2) for name, cores in sorted(glimpse.cores.items())},
        others=round(glimpse.others, 2),
    )


def _chunks(logs: Path) -> Iterator[tuple[float, str, int]]:
    """(machine seconds, stage, messages) of every chunk in the logs."""
    for name in ("intake", "bulk"):
        with (logs / f"{name}.log").open() as file:
            for line in file:
                if '"chunk_done"' not in line and '"intake_done"' not in line:
                    continue
                entry = json.loads(line)
                at = datetime.fromisoformat(entry["timestamp"]).timestamp()
                taken = entry["taken"] if "taken" in entry else entry["messages"]
                yield at, entry.get("stage", Stage.INTAKE.value), taken

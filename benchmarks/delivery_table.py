"""The figures of `recado bench delivery`: as JSON, and as a table a case."""

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.delivery import Sending
from benchmarks.pacing import Pacing
from benchmarks.safety import Safety

_OURS = ("delivery", "bulk", "dispatch")


def figures(sendings: Sequence[Sending], safety: Safety, paced: Sequence[Pacing]) -> dict[str, Any]:
    """Everything, as JSON has it; CPU in microseconds a message."""
    return {
        "cases": [_sending(one, safety) for one in sendings],
        "claim_and_record": _safety(safety),
        "limited_senders": [_pacing(one) for one in paced],
    }


def _sending(sending: Sending, safety: Safety) -> dict[str, Any]:
    """One case, as JSON has it; CPU in microseconds a message."""
    case = sending.case
    cpu = {
        name: round(seconds / sending.messages * 1e6)
        for name, seconds in sorted(sending.cpu_seconds.items())
    }
    spent = sum(cpu[name] for name in (*_OURS, "postgres", "redis"))
    return {
        "latency_ms": case.latency_ms,
        "processes": case.processes,
        "messages": sending.messages,
        "messages_per_second": round(sending.per_second),
        "steady_per_second": round(sending.steady),
        "bare_requests_per_second": round(sending.bare_per_second),
        "bare_runs": [round(loop.per_second) for loop in sending.bare],
        "bare_connections": case.bare_connections,
        "bare_cpu_microseconds": [round(loop.cpu_microseconds) for loop in sending.bare],
        "share_of_bare": round(sending.per_second / sending.bare_per_second, 3),
        "in_flight_mean": round(sending.in_flight),
        "in_flight_most": sending.most_in_flight,
        "cpu_microseconds_per_message": cpu,
        "cpu_microseconds_of_ours": spent,
        "crash_safety_share_of_cpu": round(safety.cpu_microseconds / spent, 3),
    }


def _safety(safety: Safety) -> dict[str, Any]:
    """Claims and records by themselves."""
    return {
        "messages": safety.messages,
        "client_cpu_microseconds": round(safety.client_seconds / safety.messages * 1e6, 1),
        "server_cpu_microseconds": round(safety.server_seconds / safety.messages * 1e6, 1),
    }


def _pacing(pacing: Pacing) -> dict[str, Any]:
    """One limited sender."""
    return {
        "rate": pacing.rate,
        "seconds": len(pacing.each_second),
        "per_second": round(pacing.per_second, 1),
        "least_in_a_second": min(pacing.each_second),
        "most_in_a_second": pacing.most,
    }


def table(sendings: Sequence[Sending], safety: Safety, paced: Sequence[Pacing]) -> Iterator[str]:
    """The same for people."""
    found = figures(sendings, safety, paced)
    yield " latency processes   sent/s   bare/s  share in flight"
    for one in found["cases"]:
        yield (
            f"{one['latency_ms']:>5.0f} ms {one['processes']:>9} {one['messages_per_second']:>8} "
            f"{one['bare_requests_per_second']:>8} {one['share_of_bare']:>6.1%} "
            f"{one['in_flight_mean']:>9}"
        )
    yield "CPU a message, in microseconds:"
    for one in found["cases"]:
        used = one["cpu_microseconds_per_message"].items()
        parts = ", ".join(f"{name} {microseconds}" for name, microseconds in used)
        yield f"{one['latency_ms']:>5.0f} ms {one['processes']:>9}  {parts}"
    cost = found["claim_and_record"]
    yield (
        f"claim and record: {cost['client_cpu_microseconds']} in Python, "
        f"{cost['server_cpu_microseconds']} in PostgreSQL; "
        f"{found['cases'][0]['crash_safety_share_of_cpu']:.1%} of ours in the first case"
    )
    for one in found["limited_senders"]:
        yield (
            f"limited to {one['rate']:.0f} a second: {one['per_second']} over "
            f"{one['seconds']} s; {one['least_in_a_second']} to {one['most_in_a_second']} "
            "in one second"
        )

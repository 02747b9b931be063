"""`recado bench …`: each figure with its comparison, both measured in the same run."""

import json
import os
import platform
import sys
from typing import Annotated, Any

import typer

from benchmarks import (
    comparison,
    delivery,
    optout,
    optout_table,
    pipeline,
    scale,
    simulate,
    world,
)

app = typer.Typer(
    add_completion=False,
    help="The project's benchmarks.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]


@app.command("pipeline")
def bench_pipeline(
    *,
    messages: Annotated[int, typer.Option(min=1000)] = 100_000,
    naive_messages: Annotated[int, typer.Option(min=100)] = 1000,
    as_json: Json = False,
) -> None:
    """From the stream to ready, over five countries, beside one task a message a stage."""
    ours = pipeline.measure_chunks(world.people(messages))
    naive = pipeline.measure_naive(world.people(naive_messages))
    _report(
        as_json,
        {
            "messages": ours.messages,
            "messages_per_second": round(ours.per_second),
            "naive_messages": naive.messages,
            "naive_messages_per_second": round(naive.per_second, 1),
            "times_naive": round(ours.per_second / naive.per_second, 1),
            "cpu_microseconds_per_message": _per_message(ours),
            "worker_peak_megabytes": round(ours.cost.peak_bytes / 1e6),
            "states": ours.states,
        },
    )


@app.command("delivery")
def bench_delivery(
    *,
    messages: Annotated[int, typer.Option(min=1000)] = 30_000,
    processes: Annotated[int, typer.Option(min=1, max=16)] = 2,
    latency_ms: Annotated[float, typer.Option(min=0)] = 0.0,
    as_json: Json = False,
) -> None:
    """From ready to sent against the sandbox, beside a bare aiohttp loop."""
    sent, bare = delivery.measure(messages, processes=processes, latency_ms=latency_ms)
    _report(
        as_json,
        {
            "messages": sent.messages,
            "processes": processes,
            "latency_ms": latency_ms,
            "messages_per_second": round(sent.per_second),
            "bare_requests_per_second": round(bare.per_second),
            "share_of_bare": round(sent.per_second / bare.per_second, 3),
            "cpu_microseconds_per_message": {
                kind: round(seconds / sent.messages * 1e6)
                for kind, seconds in sent.cost.cpu_seconds.items()
            },
            "worker_peak_megabytes": round(sent.cost.peak_bytes / 1e6),
        },
    )


@app.command("scale")
def bench_scale(
    *,
    small: Annotated[int, typer.Option(min=1000)] = 100_000,
    large: Annotated[int, typer.Option(min=1000)] = 1_000_000,
    as_json: Json = False,
) -> None:
    """A million messages against a hundred thousand, and what Redis holds while they wait."""
    few, many, waiting = scale.measure(small, large)
    _report(
        as_json,
        {
            "small": few.messages,
            "large": many.messages,
            "small_microseconds_per_message": round(few.microseconds, 1),
            "large_microseconds_per_message": round(many.microseconds, 1),
            "large_over_small": round(many.microseconds / few.microseconds, 3),
            "large_messages_per_second": round(many.per_second),
            "worker_peak_megabytes": round(many.cost.peak_bytes / 1e6),
            "waiting_for_morning": waiting.deferred,
            "redis_megabytes_while_waiting": round(waiting.redis_bytes / 1e6, 2),
            "redis_megabytes_at_most": round(waiting.redis_peak_bytes / 1e6, 2),
        },
    )


@app.command("simulate")
def bench_simulate(
    *,
    recipients: Annotated[int, typer.Option(min=1000)] = 100_000,
    as_json: Json = False,
) -> None:
    """A campaign decided on paper, from files alone: with a line for each recipient."""
    run = simulate.measure(recipients)
    _report(
        as_json,
        {
            "recipients": run.recipients,
            "seconds": round(run.seconds, 1),
            "recipients_per_second": round(run.recipients / run.seconds),
            "cpu_seconds": round(run.cpu_seconds, 1),
            "peak_megabytes": round(run.peak_bytes / 1e6),
            "outcomes": run.outcomes,
        },
    )


@app.command("optout")
def bench_optout(
    *,
    messages: Annotated[int, typer.Option(min=1000, help="Bulk messages that wait.")] = 1_000_000,
    seconds: Annotated[int, typer.Option(min=1, help="How long replies come evenly.")] = 60,
    rate: Annotated[int, typer.Option(min=1, help="Of these, how many a second.")] = 100,
    burst: Annotated[int, typer.Option(min=1, help="Replies that come at once.")] = 10_000,
    sender_rate: Annotated[
        float, typer.Option(min=1, help="Messages a second of each of the five senders.")
    ] = 2000.0,
    connections: Annotated[
        int, typer.Option(min=1, max=5000, help="On which replies are posted, at most.")
    ] = 512,
    callbacks: Annotated[
        bool, typer.Option("--callbacks", help="The provider tells what became of each message.")
    ] = False,
    as_json: Json = False,
) -> None:
    """From a STOP's arrival to its force and confirmation, without bulk load and with it."""
    plan = comparison.Plan(
        messages=messages,
        seconds=seconds,
        rate=rate,
        burst=burst,
        sender_rate=sender_rate,
        connections=connections,
        callbacks=callbacks,
    )
    try:
        found = optout.measure(plan)
    except optout.TooFewError as error:
        raise typer.BadParameter(str(error)) from None
    if as_json:
        _report(as_json, optout_table.figures(found))
    else:
        print(_machine())
        for line in optout_table.table(found):
            print(line)
    for problem in found.problems:
        print(problem, file=sys.stderr)
    if found.problems:
        raise typer.Exit(1)


def _per_message(passage: pipeline.Passage) -> dict[str, int]:
    return {
        kind: round(seconds / passage.messages * 1e6)
        for kind, seconds in passage.cost.cpu_seconds.items()
    }


def _report(as_json: bool, figures: dict[str, Any]) -> None:
    figures = {"machine": _machine(), **figures}
    if as_json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):<36} {value}")


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"

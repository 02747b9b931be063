"""`recado bench …`: each figure with its comparison, both measured in the same run."""

import json
import os
import platform
import random
import signal
import sys
from contextlib import closing
from typing import Annotated, Any

import typer

from benchmarks import (
    comparison,
    delivery,
    delivery_table,
    olddata,
    olddata_table,
    optout,
    optout_table,
    pacing,
    pipeline,
    safety,
    scale,
    simulate,
    world,
)
from benchmarks.faults import bench as faults
from benchmarks.faults import scenarios
from workers.stack.interrupts import take_sigterm_as_interrupt

app = typer.Typer(
    add_completion=False,
    help="The project's benchmarks.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _bench() -> None:
    """Whoever ends a benchmark, with SIGTERM too, leaves no process and no disk behind."""
    take_sigterm_as_interrupt()
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell's background job
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="0, 50 and 300 ms with one and two processes, and senders with limited rates.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """From ready to sent against the sandbox, beside a bare aiohttp loop."""
    cases = delivery.EVERY_CASE if full else [(processes, latency_ms)]
    limits = pacing.LIMITS if full else {}
    cost = safety.measure(messages // 2)
    sent = [
        delivery.measure(delivery.Case(messages=messages, processes=count, latency_ms=latency))
        for count, latency in cases
    ]
    paced = [pacing.measure(rate, seconds=seconds) for rate, seconds in limits.items()]
    if as_json:
        _report(as_json, delivery_table.figures(sent, cost, paced))
        return
    print(_machine())
    for line in delivery_table.table(sent, cost, paced):
        print(line)


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


@app.command("olddata")
def bench_olddata(
    *,
    messages: Annotated[int, typer.Option(min=1000, help="Old messages.")] = 10_000_000,
    per_round: Annotated[int, typer.Option(min=100, help="Today's, each round.")] = 5000,
    rounds: Annotated[int, typer.Option(min=1)] = 7,
    as_json: Json = False,
) -> None:
    """What old messages cost today's, beside the same in an empty database; and their removal."""
    found = olddata.measure(messages, per_round=per_round, rounds=rounds)
    _report(as_json, olddata_table.figures(found))


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


@app.command("faults")
def bench_faults(
    *,
    runs: Annotated[int, typer.Option(min=1)] = len(scenarios.ALL),
    messages: Annotated[int, typer.Option(min=100, help="In each run.")] = 20_000,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the first run; drawn when it is not given.")
    ] = None,
    only: Annotated[str | None, typer.Option(help="The name of the one scenario to run.")] = None,
    as_json: Json = False,
) -> None:
    """What breaks on a real night, broken on purpose while a campaign runs; see docs/faults.md."""
    if only is not None and only not in scenarios.ALL:
        raise typer.BadParameter(f"{only}: no such scenario; there are {', '.join(scenarios.ALL)}")
    first = random.randrange(1_000_000) if seed is None else seed

    def tell(line: faults.Line) -> None:
        print(line.words(), file=sys.stderr if as_json else sys.stdout, flush=True)
        for problem in line.problems:
            print(f"  {problem}", file=sys.stderr)
        if line.problems:
            print(f"  logs: {line.folder}; again: {line.again(messages)}", file=sys.stderr)

    print(f"seed {first}", file=sys.stderr)
    totals = faults.Totals()
    try:
        with closing(faults.measure(faults.draw(runs, first, only), messages)) as lines:
            for line in lines:
                totals.add(line)
                tell(line)
    finally:  # also when it is broken off
        _report(as_json, {"seed": first, **totals.figures()})
    if totals.broken:
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

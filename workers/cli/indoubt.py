"""``recado indoubt``: messages of which nobody knows whether they were sent."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from pipeline.stages import doubts
from pipeline.stages.doubts import Verdict
from pipeline.store.doubts import Doubt, DoubtFilter, ids_after, listed, totals
from workers.cli.actor import LONGEST_REASON, By, Why, actor_of, checked_text
from workers.cli.known import known_campaign, known_sender
from workers.cli.output import FAILED, UNUSABLE, AsJson, CommandError, print_json
from workers.cli.session import session
from workers.clock import machine_now
from workers.reports.masks import mask_number
from workers.runtime import Runtime

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Messages of which nobody knows whether they were sent.",
)

BATCH = 1000
"""Messages settled in one transaction: locks that nobody waits for long."""

LARGEST_ID = 2**63 - 1
LONGEST_AGE = 10_000.0

Campaign = Annotated[
    str | None, typer.Option("--campaign", metavar="ID", help="Only those of this campaign.")
]
Sender = Annotated[
    str | None, typer.Option("--sender", metavar="ID", help="Only those of this sender.")
]
OlderThan = Annotated[
    float | None,
    typer.Option(
        "--older-than",
        metavar="MINUTES",
        min=0,
        max=LONGEST_AGE,
        help="Only those in doubt for longer, in minutes of business time.",
    ),
]


@app.command("list")
def list_doubts(
    *,
    campaign: Campaign = None,
    sender: Sender = None,
    older_than: OlderThan = None,
    most: Annotated[
        int, typer.Option("--most", min=1, max=100_000, help="So many at most.")
    ] = 1000,
    as_json: AsJson = False,
) -> None:
    """The messages in doubt, the oldest first: whose they are, since when, and what happened."""
    with session("recado-indoubt") as runtime:
        now, which = runtime.clock.now(), _filter(runtime, campaign, sender, older_than)
        with runtime.transaction() as connection:
            found = listed(connection, which, most=most)
            amount = totals(connection).amount
    if as_json:
        print_json([_as_json(doubt, now) for doubt in found])
        return
    for doubt in found:
        _print(doubt, now)
    print(f"{len(found):,} shown, {amount:,} in doubt in all")


@app.command()
def settle(
    ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID]...", min=1, max=LARGEST_ID, help="As indoubt list shows."),
    ] = None,
    *,
    sent: Annotated[bool, typer.Option("--sent", help="The provider took them.")] = False,
    unsent: Annotated[
        bool, typer.Option("--unsent", help="It never did; they have failed.")
    ] = False,
    again: Annotated[
        bool,
        typer.Option("--again", help="It never did; they are decided anew, and may be sent."),
    ] = False,
    reason: Why,
    by: By = None,
    campaign: Campaign = None,
    sender: Sender = None,
    older_than: OlderThan = None,
    as_json: AsJson = False,
) -> None:
    """Say what became of messages, by evidence from outside: the provider's console, its support.

    Give ids, or a campaign or a sender whose messages it is true of. With --again a message that
    was sent after all is sent twice: be certain. A message that is no longer in doubt is left
    alone.
    """
    verdict = _verdict(sent=sent, unsent=unsent, again=again)
    if bool(ids) is (campaign is not None or sender is not None):
        raise CommandError("give ids, or else --campaign or --sender", exit_code=UNUSABLE)
    if ids and older_than is not None:
        raise CommandError("--older-than goes with --campaign or --sender", exit_code=UNUSABLE)
    why, actor = checked_text("--reason", reason, LONGEST_REASON), actor_of(by)
    with session("recado-indoubt") as runtime:
        which = _filter(runtime, campaign, sender, older_than)
        asked, settled = _settle_all(runtime, ids, which, verdict, actor, why)
    if as_json:
        print_json({"as": verdict, "settled": settled, "by": actor})
    else:
        print(f"{settled:,} settled as {verdict.value} by {actor}")
    if settled < asked:
        raise CommandError(
            f"{asked - settled:,} were not in doubt, or are not any more; see: recado explain ID",
            exit_code=FAILED,
        )


def _verdict(*, sent: bool, unsent: bool, again: bool) -> Verdict:
    options = {Verdict.SENT: sent, Verdict.UNSENT: unsent, Verdict.AGAIN: again}
    given = [verdict for verdict, is_given in options.items() if is_given]
    if len(given) != 1:
        raise CommandError("give one of --sent, --unsent and --again", exit_code=UNUSABLE)
    return given[0]


def _filter(
    runtime: Runtime, campaign: str | None, sender: str | None, older_than: float | None
) -> DoubtFilter:
    if campaign is not None:
        known_campaign(runtime, campaign)
    if sender is not None:
        known_sender(runtime, sender)
    age = None if older_than is None else timedelta(minutes=older_than)
    before = None if age is None else runtime.clock.now() - age
    return DoubtFilter(campaign=campaign, sender=sender, before=before)


def _next(runtime: Runtime, ids: list[int] | None, which: DoubtFilter, after: int) -> list[int]:
    if ids:
        return sorted({id_ for id_ in ids if id_ > after})[:BATCH]
    with runtime.transaction() as connection:
        return ids_after(connection, which, after=after, most=BATCH)


def _settle_all(
    runtime: Runtime,
    ids: list[int] | None,
    which: DoubtFilter,
    verdict: Verdict,
    actor: str,
    why: str,
) -> tuple[int, int]:
    """How many were meant, and how many of them were still in doubt."""
    asked = settled = after = 0
    while chunk := _next(runtime, ids, which, after):
        asked += len(chunk)
        settled += _settle(runtime, chunk, verdict, actor, why)
        after = chunk[-1]
    return asked, settled


def _settle(runtime: Runtime, ids: list[int], verdict: Verdict, actor: str, why: str) -> int:
    with runtime.transaction() as connection:
        done = doubts.settle_by_operator(
            connection,
            ids,
            verdict,
            actor=actor,
            reason=why,
            now=runtime.clock.now(),
            machine_now=machine_now(),
        )
    return len(done)


def _as_json(doubt: Doubt, now: datetime) -> dict[str, Any]:
    return {
        "id": doubt.id,
        "campaign": doubt.campaign,
        "sender": doubt.sender,
        "account": doubt.account,
        "to": mask_number(doubt.phone),
        "since": doubt.since,
        "age_seconds": doubt.since and round((now - doubt.since).total_seconds(), 3),
        "attempt": doubt.attempt,
        "explanation": doubt.explanation,
        "looked_up": doubt.looked,
    }


def _print(doubt: Doubt, now: datetime) -> None:
    since = "unknown"
    if doubt.since is not None:
        age = timedelta(seconds=round((now - doubt.since).total_seconds()))
        since = f"{doubt.since:%Y-%m-%d %H:%M:%S} UTC, {age} ago"
    print(f"{doubt.id}  since {since}")
    print(
        f"  campaign {doubt.campaign}, sender {doubt.sender or '?'} ({doubt.account or '?'}), "
        f"to {mask_number(doubt.phone) or 'nobody known'}, attempt {doubt.attempt}, "
        f"looked up {doubt.looked} times"
    )
    print(f"  {doubt.explanation or 'nothing was written down'}")

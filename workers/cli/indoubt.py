"""``recado indoubt``: messages and notices of which nobody knows whether they were sent."""

from datetime import timedelta
from typing import Annotated

import typer

from pipeline.stages import doubts, notice_doubts
from pipeline.stages.doubts import Verdict
from pipeline.store import notice_doubts as doubted_notices
from pipeline.store.doubts import DoubtFilter, ids_after, listed, totals
from workers.cli.actor import LONGEST_REASON, By, Why, actor_of, checked_text
from workers.cli.known import known_campaign, known_sender
from workers.cli.output import FAILED, UNUSABLE, AsJson, CommandError, print_json
from workers.cli.session import session
from workers.cli.show_doubts import message_as_json, notice_as_json, print_message, print_notice
from workers.clock import machine_now
from workers.runtime import Runtime

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Messages and notices of which nobody knows whether they were sent.",
)

BATCH = 1000
"""Messages settled in one transaction: locks that nobody waits for long."""

LARGEST_ID = 2**63 - 1
LOWEST_NOTICE = -(2**62)
LONGEST_AGE = 10_000.0
LONGEST_PROVIDER_ID = 256

_MESSAGES_LEFT = "or are not any more; see: recado explain ID"
_NOTICES_LEFT = (
    "are not any more, or would tell somebody who has come back that they have left; see: recado "
    "indoubt list"
)

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
        int, typer.Option("--most", min=1, max=100_000, help="So many of each at most.")
    ] = 1000,
    as_json: AsJson = False,
) -> None:
    """The messages in doubt, then the notices, each the oldest first.

    Whose they are, since when, and what happened. A notice is a confirmation of an opt-out or
    another answer; it is of no campaign.
    """
    with session("recado-indoubt") as runtime:
        now, which = runtime.clock.now(), _filter(runtime, campaign, sender, older_than)
        with runtime.transaction() as connection:
            found = listed(connection, which, most=most)
            notices = []
            if campaign is None:
                notices = doubted_notices.listed(
                    connection, sender=sender, before=which.before, most=most
                )
            amount, others = totals(connection).amount, doubted_notices.count(connection)
    if as_json:
        told = [message_as_json(doubt, now) for doubt in found]
        print_json(told + [notice_as_json(doubt, now) for doubt in notices])
        return
    for doubt in found:
        print_message(doubt, now)
    for notice in notices:
        print_notice(notice, now)
    of_them = f", {others:,} of them notices" if others else ""
    print(f"{len(found) + len(notices):,} shown, {amount + others:,} in doubt in all{of_them}")


@app.command()
def settle(
    ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID]...", min=1, max=LARGEST_ID, help="As indoubt list shows."),
    ] = None,
    *,
    notices: Annotated[
        list[int] | None,
        typer.Option(
            "--notice",
            metavar="ID",
            min=LOWEST_NOTICE,
            max=-1,
            help="A notice, as indoubt list shows: below 0. May be given again.",
        ),
    ] = None,
    sent: Annotated[bool, typer.Option("--sent", help="The provider took them.")] = False,
    unsent: Annotated[
        bool, typer.Option("--unsent", help="It never did; they have failed.")
    ] = False,
    again: Annotated[
        bool,
        typer.Option("--again", help="It never did; they are decided anew, and may be sent."),
    ] = False,
    provider_id: Annotated[
        str | None,
        typer.Option("--provider-id", metavar="ID", help="The provider's id of the one notice."),
    ] = None,
    reason: Why,
    by: By = None,
    campaign: Campaign = None,
    sender: Sender = None,
    older_than: OlderThan = None,
    as_json: AsJson = False,
) -> None:
    """Say what became of messages, by evidence from outside: the provider's console, its support.

    Give ids, or a campaign or a sender whose messages it is true of, or notices. With --again what
    was sent after all is sent twice: be certain. What is no longer in doubt is left alone.
    """
    verdict = _verdict(sent=sent, unsent=unsent, again=again)
    filtered = campaign is not None or sender is not None
    if [bool(ids), bool(notices), filtered].count(True) != 1:
        raise CommandError("give ids, or else --notice, --campaign or --sender", exit_code=UNUSABLE)
    if older_than is not None and not filtered:
        raise CommandError("--older-than goes with --campaign or --sender", exit_code=UNUSABLE)
    known_as = _provider_id(provider_id, verdict, notices)
    why, actor = checked_text("--reason", reason, LONGEST_REASON), actor_of(by)
    with session("recado-indoubt") as runtime:
        if notices:
            missed, settled = _settle_notices(runtime, notices, verdict, actor, why, known_as)
        else:
            which = _filter(runtime, campaign, sender, older_than)
            missed, settled = _settle_all(runtime, ids, which, verdict, actor, why)
    if as_json:
        print_json({"as": verdict, "settled": settled, "by": actor})
    else:
        print(f"{settled:,} settled as {verdict.value} by {actor}")
    if missed:
        why_not = _NOTICES_LEFT if notices else _MESSAGES_LEFT
        raise CommandError(f"{missed:,} were not in doubt, {why_not}", exit_code=FAILED)


def _verdict(*, sent: bool, unsent: bool, again: bool) -> Verdict:
    options = {Verdict.SENT: sent, Verdict.UNSENT: unsent, Verdict.AGAIN: again}
    given = [verdict for verdict, is_given in options.items() if is_given]
    if len(given) != 1:
        raise CommandError("give one of --sent, --unsent and --again", exit_code=UNUSABLE)
    return given[0]


def _provider_id(given: str | None, verdict: Verdict, notices: list[int] | None) -> str | None:
    if given is None:
        return None
    if verdict is not Verdict.SENT or len(notices or ()) != 1:
        raise CommandError("--provider-id goes with --sent and one --notice", exit_code=UNUSABLE)
    return checked_text("--provider-id", given, LONGEST_PROVIDER_ID)


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
    """How many of those that were meant were not in doubt, and how many were and are settled."""
    asked = settled = after = 0
    while chunk := _next(runtime, ids, which, after):
        asked += len(chunk)
        settled += _settle(runtime, chunk, verdict, actor, why)
        after = chunk[-1]
    return asked - settled, settled


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


def _settle_notices(
    runtime: Runtime,
    ids: list[int],
    verdict: Verdict,
    actor: str,
    why: str,
    provider_id: str | None,
) -> tuple[int, int]:
    """As `_settle_all`, of notices."""
    wanted = set(ids)
    with runtime.transaction() as connection:
        done = notice_doubts.settle_by_operator(
            connection,
            wanted,
            verdict,
            actor=actor,
            reason=why,
            now=runtime.clock.now(),
            provider_id=provider_id,
        )
    return len(wanted) - len(done), len(done)

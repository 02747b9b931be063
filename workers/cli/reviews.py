"""``recado reviews``: replies that nobody could understand, and what a person makes of them."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from pipeline.policy.vocabulary import Stage
from pipeline.stages import reviews
from pipeline.stages.reviews import Decided, Decision, UndecidableError
from pipeline.store.reviews import HeldReply, waiting
from workers.cli.actor import actor_of, checked_text
from workers.cli.output import FAILED, UNUSABLE, AsJson, CommandError, print_json
from workers.cli.session import session
from workers.reports.masks import mask_number
from workers.reports.strangers import harmless
from workers.runtime import Runtime

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Replies that wait for a person's decision.",
)

LONGEST_NOTE = 1000
LARGEST_ID = 2**63 - 1


class Word(StrEnum):
    """A decision as it is written on the command line."""

    OPT_OUT = "opt-out"
    COMPLAINT = "complaint"
    WRONG_NUMBER = "wrong-number"
    NONE = "none"


@app.command("list")
def list_reviews(*, as_json: AsJson = False) -> None:
    """Every reply that waits, the oldest first, with its text: somebody must read it to decide."""
    with session("recado-reviews") as runtime:
        now = runtime.clock.now()
        with runtime.transaction() as connection:
            found = waiting(connection)
    if as_json:
        print_json([_as_json(reply, now) for reply in found])
        return
    for reply in found:
        _print(reply, now)
    print(f"{len(found)} in all")


@app.command()
def decide(
    ids: Annotated[
        list[int],
        typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="As reviews list shows them."),
    ],
    decision: Annotated[
        Word, typer.Argument(help="What the person wants; none: nothing that concerns us.")
    ],
    *,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who decides; else who is logged in.")
    ] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why.")] = None,
    as_json: AsJson = False,
) -> None:
    """Decide on held replies, once and for good; several take one decision, all or none.

    opt-out, complaint and wrong-number are in force when the command ends. none lets the messages
    go on that were held.
    """
    name = actor_of(by)
    why = None if note is None else checked_text("--note", note, LONGEST_NOTE)
    taken = Decision(decision.value.replace("-", "_"))
    with session("recado-reviews") as runtime:
        done = _decide(runtime, ids, taken, by=name, note=why)
    if as_json:
        print_json(
            {
                "decision": taken,
                "by": name,
                "decided": done.decided,
                "repeated": done.repeated,
                "in_force": done.in_force,
                "taken_back": done.taken_back,
                "released": done.released,
            }
        )
        return
    print(f"{len(done.decided)} decided as {decision.value} by {name}")
    if done.repeated:
        print(f"decided so before, and left as they are: {_listed(done.repeated)}")
    if done.in_force:
        print(f"in force: {_listed(done.in_force)}")
    if done.taken_back:
        print(
            f"not in force, because the person has written START since: {_listed(done.taken_back)}"
        )
    if done.released:
        print(f"{done.released:,} messages that were held are decided again")


def _decide(
    runtime: Runtime, ids: list[int], decision: Decision, *, by: str, note: str | None
) -> Decided:
    clock = runtime.clock
    try:
        with runtime.transaction() as connection:
            done = reviews.decide(
                connection,
                ids,
                decision,
                by=by,
                note=note,
                books=runtime.books,
                now=clock.now(),
            )
    except UndecidableError as error:
        raise CommandError(str(error), exit_code=UNUSABLE if error.unknown else FAILED) from None
    if done.in_force:
        with runtime.transaction() as connection:
            reviews.confirm_in_force(connection, done, at=clock.now())
        from workers.queues import enqueue  # noqa: PLC0415 - Celery takes a second to import

        # Redis away is no failure: the opt-out is in force, and the dispatcher tells the lane.
        enqueue(Stage.OPTOUT, done.in_force)
    return done


def _listed(ids: tuple[int, ...]) -> str:
    return ", ".join(str(each) for each in ids)


def _as_json(reply: HeldReply, now: datetime) -> dict[str, Any]:
    return {
        "id": reply.id,
        "kind": reply.kind,
        "received_at": reply.received_at,
        "age_seconds": round((now - reply.received_at).total_seconds(), 3),
        "to": mask_number(reply.phone),
        "known": reply.known,
        "country": reply.country or None,
        "businesses": reply.businesses,
        "sender": reply.sender,
        "language": reply.language,
        "match": reply.match,
        "matched": reply.matched and harmless(reply.matched),
        "text": harmless(reply.body),
    }


def _print(reply: HeldReply, now: datetime) -> None:
    age = timedelta(seconds=round((now - reply.received_at).total_seconds()))
    who = mask_number(reply.phone) or ("no number" if reply.known else "nobody known")
    print(f"{reply.id}  {reply.received_at:%Y-%m-%d %H:%M:%S} UTC, {age} ago")
    print(
        f"  from {who}, {reply.country or '?'}, to {', '.join(reply.businesses)}"
        f"{f' ({reply.sender})' if reply.sender else ''}, language {reply.language or '?'}"
    )
    why = f": {harmless(reply.matched)}" if reply.matched else ""
    print(f"  held for: {reply.match or 'no match'}{why}")
    print(f"  text: {harmless(reply.body)}")

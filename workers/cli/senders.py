"""``recado senders``: load, look at, suspend and lift senders."""

from typing import Annotated

import typer

from pipeline.stages import suspensions
from pipeline.stages.suspensions import Cause
from pipeline.store import optout_period
from pipeline.store.senders import Sender
from workers.cli.actor import LONGEST_REASON, By, Why, actor_of, checked_text
from workers.cli.imports import senders as app
from workers.cli.known import known_sender
from workers.cli.output import UNUSABLE, AsJson, CommandError, print_json
from workers.cli.session import session
from workers.cli.show_senders import print_senders
from workers.inputs.refusals import near_name
from workers.reports.senders import read_senders
from workers.runtime import Runtime

__all__ = ["app"]

Code = Annotated[str, typer.Argument(metavar="ID", help="The sender's id.")]


@app.command("list")
def list_senders(
    *,
    business: Annotated[
        str | None, typer.Option("--business", help="Only the senders of this business.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Every sender: state and reason, quotas, rates beside their limits, registration."""
    with session("recado-senders") as runtime:
        found = read_senders(runtime, business=business, now=runtime.clock.now())
        if business is not None and not found:
            raise _unknown_business(runtime, business)
    if as_json:
        print_json([standing.as_json() for standing in found])
    else:
        print_senders(found)


@app.command()
def suspend(code: Code, *, reason: Why, by: By = None, as_json: AsJson = False) -> None:
    """Let a sender send nothing but confirmations of opt-outs; its messages wait."""
    why, actor = checked_text("--reason", reason, LONGEST_REASON), actor_of(by)
    with session("recado-senders") as runtime:
        sender = known_sender(runtime, code)
        with runtime.transaction() as connection:
            done = suspensions.suspend(
                connection,
                [sender],
                cause=Cause.OPERATOR,
                actor=actor,
                reason=why,
                now=runtime.clock.now(),
            )
    _tell(sender, "suspended", changed=bool(done), actor=actor, as_json=as_json)


@app.command()
def lift(code: Code, *, reason: Why, by: By = None, as_json: AsJson = False) -> None:
    """Let a suspended sender send again; its rates are counted anew from now on."""
    why, actor = checked_text("--reason", reason, LONGEST_REASON), actor_of(by)
    with session("recado-senders") as runtime:
        sender = known_sender(runtime, code)
        with runtime.transaction() as connection:
            done = suspensions.lift(
                connection, sender, actor=actor, reason=why, now=runtime.clock.now()
            )
    _tell(sender, "active", changed=done, actor=actor, as_json=as_json)


def _tell(sender: Sender, state: str, *, changed: bool, actor: str, as_json: bool) -> None:
    if as_json:
        print_json({"id": sender.code, "state": state, "changed": changed, "by": actor})
        return
    was = f" ({sender.state_reason})" if sender.state_reason else ""
    if changed:
        print(f"{sender.code} is {state} by {actor} (was {sender.state}{was})")
    else:
        print(f"{sender.code} is {state} already{was}")


def _unknown_business(runtime: Runtime, business: str) -> CommandError:
    with runtime.transaction() as connection:
        known = optout_period.known_businesses(connection)
    if business in known:
        return CommandError(f"business {business!r} has no sender", exit_code=UNUSABLE)
    hint = near_name(business, known) if known else "there is none yet"
    return CommandError(f"no business is called {business!r}; {hint}", exit_code=UNUSABLE)

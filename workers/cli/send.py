"""``recado send``: a campaign and its recipients, through the stream."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.producer import Producer, ProducerError, Receipt
from pipeline.store import campaigns, senders
from pipeline.store.campaigns import Campaign
from workers.cli.import_report import SHOWN, print_refusals, refusals_as_json
from workers.cli.output import UNUSABLE, AsJson, CommandError, print_json
from workers.cli.progress import late_progress
from workers.cli.session import session
from workers.cli.settled import Settled, wait_until_settled
from workers.cli.show_balance import print_balance
from workers.inputs.campaign_file import read_campaign, with_template_body
from workers.inputs.lines import count_lines
from workers.inputs.recipients_file import read_recipients
from workers.inputs.refusals import InputFileError, RefusedRow
from workers.runtime import Runtime


def send(
    campaign: Annotated[Path, typer.Argument(help="The campaign, TOML.")],
    recipients: Annotated[Path, typer.Argument(help="The recipients, CSV or NDJSON.")],
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until every message is final or deferred.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="With --wait: give up after so many seconds.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Enqueue a campaign for its recipients.

    With an id in the campaign's file, sending the same files again sends nothing twice; without
    one each run is a campaign of its own.
    """
    with session("recado-send") as runtime:
        read = _read(runtime, campaign)
        rows = _Rows(recipients, read)
        with runtime.transaction() as connection:
            created = campaigns.create(connection, read, now=runtime.clock.now())
        receipt = _enqueue(runtime, created, rows)
        report: dict[str, Any] = {
            "campaign": created.code,
            "enqueued": receipt.messages,
            "entries": len(receipt.entry_ids),
            "refused": rows.refused,
            "refusals": refusals_as_json(rows.refusals),
        }
        if not as_json:
            _print_receipt(created, receipt, rows)
        if receipt.messages == 0:
            raise CommandError(f"{recipients}: no row could be used", exit_code=UNUSABLE)
        if not wait:
            if as_json:
                print_json(report)
            return
        settled = wait_until_settled(runtime, created, receipt, timeout=timeout)
        if as_json:
            ended = {"balance": settled.balance.as_json(), "obstacles": settled.obstacles}
            print_json(report | ended)
        else:
            print_balance(settled.balance)
        _judge(settled)


def _judge(settled: Settled) -> None:
    if settled.complaint is not None:
        raise CommandError(settled.complaint)


class _Rows:
    """The recipients on their way to the producer; bad rows are counted and left out."""

    def __init__(self, path: Path, campaign: Campaign) -> None:
        self._path = path
        self._rows = read_recipients(path, variables=frozenset(campaign.variables))
        self.refused = 0
        self.refusals: list[RefusedRow] = []
        # The first one now: a file that cannot be used must not leave half a campaign behind.
        self._first = next(self._rows, None)

    def total(self) -> int:
        """About how many rows there are."""
        return count_lines(self._path)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if self._first is not None:
            yield from self._good(self._first)
        for row in self._rows:
            yield from self._good(row)

    def _good(self, row: dict[str, Any] | RefusedRow) -> Iterator[dict[str, Any]]:
        if isinstance(row, RefusedRow):
            self.refused += 1
            if len(self.refusals) < SHOWN:
                self.refusals.append(row)
        else:
            yield row


def _read(runtime: Runtime, path: Path) -> Campaign:
    """The campaign of the file, checked against what is known of its business."""
    campaign = read_campaign(path, now=runtime.clock.now())
    with runtime.transaction() as connection:
        known = senders.select_senders(connection, businesses=[campaign.business])
        templates = senders.select_templates(connection, [campaign.business])
    _check_sender(path, campaign, known)
    return with_template_body(path, campaign, templates)


def _check_sender(path: Path, campaign: Campaign, known: list[senders.Sender]) -> None:
    if campaign.sender_code is None:
        return
    named = next((sender for sender in known if sender.code == campaign.sender_code), None)
    if named is None:
        fitting = ", ".join(s.code for s in known if s.channel is campaign.channel) or "none"
        problem = (
            f"{campaign.sender_code!r} is no sender of {campaign.business!r}; load it with "
            f"recado senders import, or name one of its own: {fitting}"
        )
        raise InputFileError(path, problem, field="campaign.sender")
    if named.channel is not campaign.channel:
        problem = f"{named.code!r} sends {named.channel}, and the campaign is {campaign.channel}"
        raise InputFileError(path, problem, field="campaign.sender")


def _enqueue(runtime: Runtime, campaign: Campaign, rows: _Rows) -> Receipt:
    with late_progress("Enqueueing", rows.total()) as advance:
        try:
            return Producer(runtime.redis).send(campaign.code, rows, progress=advance)
        except ProducerError as error:
            raise CommandError(
                f"{error}; to go on, run the same command with id = {campaign.code!r} in the "
                "campaign's file: nothing is sent twice"
            ) from error


def _print_receipt(campaign: Campaign, receipt: Receipt, rows: _Rows) -> None:
    print(
        f"Campaign {campaign.code}: {receipt.messages:,} messages enqueued in "
        f"{len(receipt.entry_ids):,} entries, {rows.refused:,} rows refused"
    )
    print_refusals(rows.refusals, rows.refused)

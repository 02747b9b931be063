"""Sends SMS to an SMSC."""

import asyncio
import itertools
import random
from collections.abc import Sequence

from pipeline.policy.vocabulary import Channel
from pipeline.providers.base import (
    Accepted,
    Action,
    Ambiguous,
    CannotTell,
    Finding,
    NotStarted,
    OutboundMessage,
    Rejected,
    SendResult,
    Sought,
)
from pipeline.providers.health import UNREACHABLE, UNUSABLE
from pipeline.providers.http import storable
from pipeline.providers.smpp import codes
from pipeline.providers.smpp.account import LongTexts, SmppAccount, answered_id
from pipeline.providers.smpp.addresses import read_recipient, read_sender
from pipeline.providers.smpp.keeper import Keeper
from pipeline.providers.smpp.link import Answer
from pipeline.providers.smpp.pdu import Bind, Submission
from pipeline.providers.smpp.texts import encode


class SmppProvider:
    """One account at an SMSC, bound as a transmitter; made inside the loop that will use it."""

    def __init__(self, account: SmppAccount) -> None:
        self._account = account
        self._keeper = Keeper(account, Bind.TRANSMITTER)
        # Not from 0: two processes write to one person.
        self._references = itertools.count(random.randrange(256))  # noqa: S311 - no secret

    async def send(
        self, message: OutboundMessage, *, start_within: float | None = None
    ) -> SendResult:
        """Hand over one message, once; see `Provider.send`.

        A text of several parts is taken when all of them are, and refused when all of them are.
        Anything between may have reached the person in pieces: it is never sent again.
        """
        if message.channel is not Channel.SMS:
            return Rejected(Action.HALT_SENDER, UNUSABLE, "an SMSC carries SMS alone", None)
        try:
            submission = self._compose(message)
        except ValueError as error:
            return Rejected(Action.FAIL, "unsendable", str(error), None)
        loop = asyncio.get_running_loop()
        hurry = start_within is not None
        start_by = loop.time() + (
            self._account.request_timeout / 2 if start_within is None else start_within
        )
        link = await self._keeper.link(start_by)
        if isinstance(link, Rejected):
            return link
        answers = None if link is None else await link.submit(submission, start_by)
        if answers is None:
            if hurry:
                return NotStarted()
            return Rejected(Action.RETRY_LATER, UNREACHABLE, "no place on a connection", None)
        return self._read(message, answers)

    async def find(self, sought: Sought) -> Finding:
        """Look a message up whose answer was lost; see `Provider.find`."""
        # query_sm (4.8) asks by the SMSC's id, which is what the lost answer held.
        return CannotTell(f"{sought.channel.value} messages cannot be looked up by our id")

    async def close(self) -> None:
        """Unbind, and close the connection."""
        await self._keeper.close()

    def _compose(self, message: OutboundMessage) -> Submission:
        whole = self._account.long_texts is LongTexts.PAYLOAD
        return Submission(
            source=read_sender(message.sender_address),
            destination=read_recipient(message.to),
            text=encode(message.body, next(self._references), whole=whole),
            validity_seconds=message.validity_seconds,
        )

    def _read(self, message: OutboundMessage, answers: Sequence[Answer]) -> SendResult:
        taken = [answer for answer in answers if answer.status == codes.OK and answer.provider_id]
        refused = [answer for answer in answers if answer.status]
        ids = [answered_id(self._account, storable(one.provider_id)) for one in taken]
        if len(taken) == len(answers):
            return Accepted(
                storable(taken[0].provider_id),
                segments=len(answers) if len(answers) > 1 else None,
                receipt_ids=tuple(ids),
            )
        if len(refused) == len(answers):
            judged = [
                codes.judge_submit(one.status or 0, attempt=message.attempt) for one in refused
            ]
            unclear = [one for one in judged if isinstance(one, Ambiguous)]
            return unclear[0] if unclear else judged[0]
        if len(answers) > 1:
            code = codes.name_of(refused[0].status or 0) if refused else None
            detail = f"of {len(answers)} parts the SMSC took {len(taken)}"
            return Ambiguous(
                f"{detail}, refused {len(refused)}",
                code,
                receipt_ids=tuple(ids),
                parts=len(answers),
            )
        return Ambiguous(answers[0].detail or "a success without a message id")

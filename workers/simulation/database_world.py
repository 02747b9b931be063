"""The world as the database has it: read once, and nothing is changed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import Category
from pipeline.stages.books import Books
from pipeline.stages.caps import LONGEST_PERIOD, counted_name
from pipeline.stages.facts import Recipient, gather
from pipeline.store import campaigns, contacts, frequency, quotas
from pipeline.store.campaigns import Campaign
from pipeline.store.senders import Sender
from workers.simulation.addressees import Addressee
from workers.simulation.world import Known


class DatabaseWorld:
    """The database's world at one instant.

    Args:
        connection: in a transaction of its own, so that everything is seen as of one moment.
        campaign: of the file; when it is stored already, it is in the state that it has there.
    """

    def __init__(
        self, connection: Connection, campaign: Campaign, *, books: Books, at: datetime
    ) -> None:
        stored = campaigns.by_codes(connection, [campaign.code]).get(campaign.code)
        self.campaign = campaign if stored is None else _in_state_of(stored, campaign)
        self.books = books
        self.notes: Sequence[str] = ()
        self._connection = connection
        self._at = at
        self._strangers: dict[str, int] = {}

    def know(self, people: Sequence[Addressee]) -> Known:
        """What is known of these addressees, in a fixed number of queries."""
        numbers = {one.to for one in people if one.refused is None}
        known = contacts.find(self._connection, numbers)
        recipients = [self._recipient(one, known) for one in people]
        wanted = [recipient for recipient in recipients if recipient is not None]
        business = self.campaign.business
        sent = frequency.sent(self._connection, list(known.values()), [business])

        def sent_to(contact_id: int, counts: frozenset[Category]) -> Sequence[datetime]:
            return sent.get((contact_id, business, counted_name(counts)), ())

        facts = gather(self._connection, self.campaign, wanted, books=self.books, now=self._at)
        return Known(facts, recipients, sent_to)

    def quota_used(self, sender: Sender) -> Sequence[tuple[datetime, int]]:
        """What the sender has sent within the longest period that a quota may have."""
        since = self._at - LONGEST_PERIOD
        return quotas.used(self._connection, [sender.id], since=since)[sender.id]

    def _recipient(self, one: Addressee, known: dict[str, int]) -> Recipient | None:
        if one.refused is not None or one.number is None:
            return None
        contact = known.get(one.to)
        if contact is None:  # nobody knows them yet: below 0 there are no contacts
            contact = self._strangers.setdefault(one.to, -1 - len(self._strangers))
        return Recipient(
            contact_id=contact, country=one.number.country, phone=one.to, values=one.values
        )


def _in_state_of(stored: Campaign, campaign: Campaign) -> Campaign:
    return replace(campaign, id=stored.id, state=stored.state, state_reason=stored.state_reason)

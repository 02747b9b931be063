"""A world of files: they hold everything there is, and no service is asked."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pipeline.policy.consent import ConsentRecord
from pipeline.policy.numbers import NumberFacts
from pipeline.policy.preferences import Preference
from pipeline.policy.suppression import EVERY_BUSINESS, stops_everything
from pipeline.policy.vocabulary import Category
from pipeline.stages.books import Books
from pipeline.stages.facts import Facts, Recipient
from pipeline.store.campaigns import Campaign
from pipeline.store.consents import HeldConsent
from pipeline.store.senders import Sender, Template
from pipeline.store.suppressions import Suppression
from workers.inputs.consents_file import read_consents
from workers.inputs.history_file import read_history
from workers.inputs.preferences_file import read_preferences
from workers.inputs.refusals import RefusedRow
from workers.inputs.senders_file import read_senders
from workers.inputs.suppressions_file import SuppressionRow, read_suppressions
from workers.simulation.addressees import Addressee
from workers.simulation.consents import current_consents
from workers.simulation.world import Known

_Row = TypeVar("_Row")

_CPF_KEY = b"simulated"
"""Of a CPF only the check digits are looked at; its hash goes nowhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """The files of a world; None: there is none of that kind."""

    consents: Path
    history: Path | None = None
    suppressions: Path | None = None
    senders: Path | None = None
    templates: Path | None = None
    preferences: Path | None = None


@dataclass(slots=True)
class People:
    """Contacts as the database would number them, by number.

    Attributes:
        numbers: every number that a file names, by E.164.
    """

    numbers: dict[str, NumberFacts] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)

    def identify(self, number: NumberFacts) -> int:
        """The contact of a number, from 1."""
        known = self.numbers.setdefault(number.e164, number)
        return self.ids.setdefault(known.e164, len(self.ids) + 1)


class FilesWorld:
    """The files' world at one instant.

    Args:
        files: read once, here.
        templates: those of the templates file, whose bodies the campaign may need.
        block_lists: the names of the public block lists that a suppression may stand for.
        refuse: told of every row that cannot be used; the others are taken.

    Attributes:
        people: everybody whom the files name.

    Raises:
        InputFileError: a file or its header cannot be used.
    """

    def __init__(
        self,
        campaign: Campaign,
        files: Files,
        *,
        templates: Sequence[Template] | None,
        block_lists: Iterable[str],
        books: Books,
        at: datetime,
        refuse: Callable[[RefusedRow], None],
    ) -> None:
        self.campaign = campaign
        self.books = books
        self.notes = _notes(files, templates)
        self.people = People()
        self._at = at
        self._refuse = refuse
        consents, lifting = self._consents(files.consents)
        suppressions, listed = self._suppressions(
            files.suppressions, lifting, frozenset(block_lists)
        )
        self._sent = self._history(files.history)
        self._facts = Facts(
            campaign=campaign,
            books=books,
            now=at,
            suppressions=suppressions,
            held=(),
            consents=consents,
            senders=[(sender, sender.facts()) for sender in self._senders(files.senders)],
            templates=[one for one in templates or () if one.business == campaign.business],
            listed=listed,
            preferences=self._preferences(files.preferences),
            written_to=self._written_to(),
            check_sender=files.senders is not None,
        )

    def know(self, people: Sequence[Addressee]) -> Known:
        """What is known of these addressees."""
        return Known(self._facts, [self._recipient(one) for one in people], self._sent_to)

    def quota_used(self, _sender: Sender) -> Sequence[tuple[datetime, int]]:
        """Nothing: no file tells through which sender a message went."""
        return ()

    def _recipient(self, one: Addressee) -> Recipient | None:
        if one.refused is not None or one.number is None:
            return None
        return Recipient(
            contact_id=self.people.identify(one.number),
            country=one.number.country,
            phone=one.number.e164,
            values=one.values,
        )

    def _sent_to(self, contact_id: int, counts: frozenset[Category]) -> Sequence[datetime]:
        found: list[datetime] = []
        for category in counts:
            found += self._sent.get((contact_id, category), ())
        return found

    def _good(self, rows: Iterable[_Row | RefusedRow]) -> Iterator[_Row]:
        unusable: Counter[str] = Counter()
        for row in rows:
            if isinstance(row, RefusedRow):
                self._refuse(row)
                unusable[row.file.name] += 1
            else:
                yield row
        # A refused suppression lets somebody be written to on paper: the figures must say so.
        for name, count in unusable.items():
            self.notes.append(f"{name}: {count:,} rows cannot be used, and count as not there")

    def _consents(
        self, path: Path
    ) -> tuple[Mapping[int, list[HeldConsent]], Mapping[int, datetime]]:
        """The consents by contact, and each one's latest grant to the business, of any category."""
        found: dict[int, list[ConsentRecord]] = {}
        granted: dict[int, datetime] = {}
        for row in self._good(read_consents(path, hash_key=_CPF_KEY)):
            contact, record = self.people.identify(row.number), row.record
            if record.business != self.campaign.business:
                continue
            moment = record.granted_at
            if moment is not None and moment <= self._at and record.revoked_at is None:
                granted[contact] = max(moment, granted.get(contact, moment))
            if record.category is self.campaign.category:
                found.setdefault(contact, []).append(record)
        held = {
            contact: [
                HeldConsent(contact_id=contact, event_id=0, record=record)
                for record in current_consents(records, self._at)
            ]
            for contact, records in found.items()
        }
        return held, granted

    def _suppressions(
        self, path: Path | None, granted: Mapping[int, datetime], block_lists: frozenset[str]
    ) -> tuple[dict[int, list[Suppression]], dict[int, list[tuple[str, datetime]]]]:
        """The suppressions by contact, and the public lists that have them."""
        found: dict[int, dict[str, SuppressionRow]] = {}
        listed: dict[int, dict[str, datetime]] = {}
        rows = () if path is None else read_suppressions(path, block_lists)
        for row in self._good(rows):
            contact = self.people.identify(row.number)
            if row.on_block_list:
                entries = listed.setdefault(contact, {})
                entries[row.reason] = min(row.since, entries.get(row.reason, row.since))
            elif row.business in (self.campaign.business, EVERY_BUSINESS):
                own = found.setdefault(contact, {})
                own[row.business] = _stronger(own.get(row.business), row)
        return (
            {
                contact: [_entry(contact, row, granted.get(contact)) for row in own.values()]
                for contact, own in found.items()
            },
            {contact: sorted(entries.items()) for contact, entries in listed.items()},
        )

    def _history(self, path: Path | None) -> dict[tuple[int, Category], list[datetime]]:
        found: dict[tuple[int, Category], list[datetime]] = {}
        for row in self._good(() if path is None else read_history(path)):
            if row.business == self.campaign.business:
                key = (self.people.identify(row.number), row.category)
                found.setdefault(key, []).append(row.sent_at)
        return found

    def _written_to(self) -> set[int]:
        """Those to whom marketing went before."""
        return {
            contact
            for (contact, category), moments in self._sent.items()
            if category is Category.MARKETING and min(moments) <= self._at
        }

    def _senders(self, path: Path | None) -> list[Sender]:
        """The business's, in the order of their ids, as the database gives them, and numbered."""
        rows = self._good(() if path is None else read_senders(path))
        own = [sender for sender in rows if sender.business == self.campaign.business]
        ordered = sorted(own, key=lambda sender: sender.code)
        return [replace(sender, id=place) for place, sender in enumerate(ordered, start=1)]

    def _preferences(self, path: Path | None) -> dict[int, Preference]:
        rows = self._good(() if path is None else read_preferences(path))
        return {
            self.people.identify(row.number): row.preference
            for row in rows
            if row.business == self.campaign.business
        }


def _stronger(known: SuppressionRow | None, row: SuppressionRow) -> SuppressionRow:
    """Of two entries the one that forbids more counts, since the later of their instants."""
    if known is None:
        return row
    first, second = sorted((known, row), key=lambda one: (stops_everything(one.reason), one.since))
    return replace(second, since=max(first.since, second.since))


def _entry(contact: int, row: SuppressionRow, granted: datetime | None) -> Suppression:
    """An entry, lifted by a consent that the person gave the business after it."""
    everything = stops_everything(row.reason)
    lifted = (
        granted is not None
        and granted > row.since
        and row.business != EVERY_BUSINESS
        and not everything
    )
    return Suppression(
        contact_id=contact,
        business=row.business,
        reason=row.reason,
        since=row.since,
        everything=everything,
        source="file",
        lifted_at=granted if lifted else None,
    )


def _notes(files: Files, templates: Sequence[Template] | None) -> list[str]:
    notes = []
    if files.senders is None:
        notes.append("no senders file: the checks of sender and template, and quotas, are skipped")
    elif templates is None:
        notes.append("no templates file: no template counts as registered")
    if files.history is None:
        notes.append("no history file: nobody counts as written to before")
    if files.suppressions is None:
        notes.append("no suppressions file: nobody counts as having left")
    return notes

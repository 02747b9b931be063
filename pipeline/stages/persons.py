"""Whose event it is: the contact behind a number, a provider's own id, or both."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.policy.numbers import NumberFacts, read_number
from pipeline.providers.events import Person
from pipeline.store import contacts, identities
from pipeline.store.identities import Identity

_COUNTRY_LENGTH = 2

_OLDER_FORMS = (
    (re.compile(r"^(55[1-9][0-9])([6-9][0-9]{7})$"), r"\g<1>9\2"),
    (re.compile(r"^521([0-9]{10})$"), r"52\1"),
)


@dataclass(frozen=True, slots=True)
class Whose:
    """A person as an account's event names them."""

    account: str
    person: Person


def identify(
    connection: Connection, people: Iterable[Whose], *, now: datetime
) -> dict[Whose, int | None]:
    """The contact of each person, made where there was none.

    A number and an id that come together belong together from then on; what bound the id alone
    binds the number too. None: neither an id nor a number that anybody could be written to (a
    short code, a name).
    """
    wanted = list(dict.fromkeys(people))
    numbers = _numbers(connection, wanted)
    valid = [number for number in numbers.values() if isinstance(number, NumberFacts)]
    by_number = contacts.identify(connection, valid, now=now) if valid else {}
    identified = {one: _identity(one) for one in wanted}
    by_id = identities.find(connection, {one for one in identified.values() if one})
    links: dict[Identity, int] = {}
    found: dict[Whose, int | None] = {}
    for one in wanted:
        number, identity = numbers[one], identified[one]
        contact = by_number[number.e164] if isinstance(number, NumberFacts) else number
        if identity is not None:
            contact = _join(connection, identity, contact, by_id, now)
            if by_id.get(identity) != contact:
                links[identity] = by_id[identity] = contact
        found[one] = contact
    identities.link(connection, links, now=now)
    return found


def link_recipients(connection: Connection, told: Mapping[Identity, int], *, now: datetime) -> None:
    """Write down by which ids the provider knows those whom our messages went to.

    Args:
        told: id → the contact that the message was for. The ids are locked.
    """
    known = identities.find(connection, told)
    phones = contacts.numbers_of(connection, sorted(set(known.values())))
    links: dict[Identity, int] = {}
    for identity, contact_id in told.items():
        before = known.get(identity)
        if before is None:
            links[identity] = contact_id
        elif before != contact_id and phones.get(before) is None:
            # Whom we knew by the id alone is the one whom our message went to.
            identities.carry_over(connection, source=before, target=contact_id, now=now)
            links[identity] = contact_id
        # The id of somebody with a number is moved by their own replies, not by what we sent.
    identities.link(connection, links, now=now)


def bind_twins(connection: Connection, left: Mapping[int, Person], *, now: datetime) -> None:
    """Let an opt-out bind every contact that the number may mean: contact → who wrote."""
    forms = {contact: read_phone(person.phone) for contact, person in left.items()}
    written = {facts.e164 for found in forms.values() if len(found) > 1 for facts in found}
    if not written:
        return
    known = contacts.find(connection, written)
    for contact, found in forms.items():
        for twin in {known[facts.e164] for facts in found if facts.e164 in known} - {contact}:
            identities.carry_over(connection, source=contact, target=twin, now=now)


def read_phone(phone: str | None) -> list[NumberFacts]:
    """The numbers that a provider's may mean, the likeliest first; with or without its ``+``.

    WhatsApp knows people by the number with which they signed up: in Brazil without the ninth
    digit that mobile numbers were given since, in Mexico with a ``1`` that they have lost. What
    was a mobile number then can be another valid number today.
    """
    if phone is None:
        return []
    digits = phone.strip().removeprefix("+")
    forms = [form.sub(new, digits) for form, new in _OLDER_FORMS if form.match(digits)]
    found = (read_number(f"+{written}") for written in (*forms, digits))
    return [facts for facts in found if isinstance(facts, NumberFacts)]


def _numbers(
    connection: Connection, people: Sequence[Whose]
) -> dict[Whose, NumberFacts | int | None]:
    """The number of each, or the contact where one is known already by what was written."""
    read = {one: read_phone(one.person.phone) for one in people}
    # A number that we have written to is the person's, whatever it counts as today.
    written = {
        one: f"+{one.person.phone.strip().removeprefix('+')}"
        for one, found in read.items()
        if one.person.phone and len(found) != 1
    }
    forms = {facts.e164 for found in read.values() if len(found) > 1 for facts in found}
    known = contacts.find(connection, {*written.values(), *forms}) if written else {}
    numbers: dict[Whose, NumberFacts | int | None] = {}
    for one, found in read.items():
        if not found:
            numbers[one] = known.get(written[one]) if one in written else None
        else:
            numbers[one] = next((facts for facts in found if facts.e164 in known), found[0])
    return numbers


def _identity(one: Whose) -> Identity | None:
    return (one.account, one.person.user_id) if one.person.user_id else None


def _join(
    connection: Connection,
    identity: Identity,
    contact: int | None,
    by_id: Mapping[Identity, int],
    now: datetime,
) -> int:
    known = by_id.get(identity)
    if contact is None:
        if known is not None:
            return known
        return identities.make_contact(connection, _country_of(identity[1]), now=now)
    if known is not None and known != contact:
        identities.carry_over(connection, source=known, target=contact, now=now)
    return contact


def _country_of(user_id: str) -> str:
    """The country that a provider's id begins with (``BR.9000…``); empty: it tells none."""
    prefix, dot, _ = user_id.partition(".")
    known = dot and len(prefix) == _COUNTRY_LENGTH and prefix.isascii() and prefix.isalpha()
    return prefix.upper() if known else ""

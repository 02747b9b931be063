"""What a WhatsApp webhook says once for several events: our number, and who the people are."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.providers.events import MalformedEventError, Person
from pipeline.providers.untrusted import read_id


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a change's ``metadata`` and ``contacts`` say about each of its events.

    Attributes:
        addresses: the names of our number; where the change gives none, the business account's
            id, so that somebody who leaves is never unheard for want of an address.
        people: everybody among the contacts, once by number and once by id.
        only: the contact, when there is one and no more.
    """

    addresses: tuple[str, ...]
    people: Mapping[str, Person]
    only: Person | None

    def person(self, phone: object, user_id: object) -> Person:
        """Whom an event names, with what the contacts add about the same person.

        WhatsApp leaves out the number of people who go by a user name, and the id of others.

        Raises:
            MalformedEventError: it names nobody.
        """
        person = Person(phone=read_id(phone), user_id=read_id(user_id))
        if person.phone is not None and person.user_id is not None:
            return person
        name = person.phone or person.user_id
        known = self.only if name is None else self.people.get(name, person)
        if known is None:
            raise MalformedEventError("the event names no person")
        return known


def read_surroundings(value: Mapping[str, object], account_id: object) -> Surroundings:
    """The surroundings of a change's events.

    Args:
        value: the change's.
        account_id: of the entry that it stands in.

    Raises:
        MalformedEventError: nothing tells to whom of ours the events belong.
    """
    addresses = _addresses(value.get("metadata")) or [read_id(account_id)]
    people = _contacts(value.get("contacts"))
    by_name: dict[str, Person] = {}
    for person in people:
        by_name.update({name: person for name in (person.phone, person.user_id) if name})
    known = tuple(dict.fromkeys(address for address in addresses if address))
    if not known:
        raise MalformedEventError("the change has no phone_number_id")
    return Surroundings(known, by_name, people[0] if len(people) == 1 else None)


def _addresses(metadata: object) -> list[str | None]:
    if not isinstance(metadata, dict):
        return []
    number_id = read_id(metadata.get("phone_number_id"))
    shown = read_id(metadata.get("display_phone_number")) or ""
    digits = "".join(character for character in shown if character in "0123456789")
    return [name for name in (number_id, f"+{digits}" if digits else None) if name]


def _contacts(contacts: object) -> list[Person]:
    if not isinstance(contacts, list):
        return []
    people = [
        Person(phone=read_id(contact.get("wa_id")), user_id=read_id(contact.get("user_id")))
        for contact in contacts
        if isinstance(contact, dict)
    ]
    return [person for person in people if person.phone or person.user_id]

"""The people who leave while the benchmark looks, and what each of them writes."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.volley import Shot
from benchmarks.world import Person
from workers.sandbox.options import WebhookAccount
from workers.sandbox.people import Reaction

WORDS: Mapping[str, Sequence[str]] = {
    "US": ("STOP", "Stop", "stop.", "UNSUBSCRIBE", "Cancel", "BAJA"),
    "BR": ("SAIR", "sair", "Sair.", "PARAR", "Cancelar", "STOP"),
    "IN": ("STOP", "Stop", "UNSUBSCRIBE", "बंद", "रोकें"),
    "ES": ("BAJA", "baja", "Baja.", "STOP", "CANCELAR"),
    "PE": ("BAJA", "Baja", "SALIR", "Stop", "CANCELAR"),
}
"""Words by which people leave, as they come from telephones."""

SENTENCES: Mapping[str, Sequence[str]] = {
    "US": ("Please take me off your list", "stop please", "Unsubscribe me, thanks"),
    "BR": ("sair por favor", "Quero sair, obrigado", "por favor parar"),
    "IN": ("please stop", "Please take me off your list", "stop please"),
    "ES": ("quiero darme de baja", "baja por favor", "Por favor, baja"),
    "PE": ("quiero darme de baja", "baja por favor", "Por favor, baja"),
}

SENTENCE_SHARE = 0.2
"""How many of them write a sentence: understanding one takes longer than a word."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One person's wish to leave.

    Attributes:
        id: the provider's id of the event.
    """

    id: str
    person: Person
    body: str


def replies(people: Sequence[Person], *, name: str, seed: int = 7) -> list[Reply]:
    """One reply from each of them.

    Args:
        name: makes their ids differ from those of other replies.
    """
    generator = random.Random(f"{seed} {name}")
    made = []
    for number, person in enumerate(people):
        texts = SENTENCES if generator.random() < SENTENCE_SHARE else WORDS
        body = generator.choice(texts[person.country])
        made.append(Reply(f"SM-{name}-{number}", person, body))
    return made


def shots(
    leaving: Sequence[Reply], account: WebhookAccount, *, per_second: float | None
) -> list[Shot]:
    """The replies as Twilio posts them, signed.

    Args:
        per_second: how many in a second, evenly; None: all at once.
    """
    spacing = 0.0 if per_second is None else 1 / per_second
    made = []
    for place, reply in enumerate(leaving):
        fields = {
            "channel": "sms",
            "from": reply.person.number,
            "to": f"bench-{reply.person.country.lower()}",
            "body": reply.body,
        }
        webhook = Reaction.model_validate(fields).webhook(account, reply.id, now=0.0)
        made.append(Shot(reply.id, place * spacing, webhook))
    return made

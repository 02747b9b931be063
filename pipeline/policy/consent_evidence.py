"""Whether a consent is proved as its country asks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from pipeline.policy.consent_record import ConsentRecord
from pipeline.policy.country import ConsentRule
from pipeline.policy.vocabulary import ConsentMethod


@dataclass(frozen=True, slots=True)
class Missing:
    """A field that says nothing, or nothing that is evidence, and the rule that asks for it."""

    field: str
    rule: str


def find_missing(record: ConsentRecord, rule: ConsentRule) -> Sequence[Missing]:
    """What the record lacks of the evidence that a country asks for; empty: nothing.

    Offline (by phone, on paper) something else can be asked for. Who does not know how a consent
    was given is held to what is asked for online, an IP address among it.
    """
    return [Missing(name, by) for name, by in _asked(record, rule) if not _is_there(record, name)]


def is_written(record: ConsentRecord) -> bool:
    """Whether the consent was given in writing: one on the phone needs a paper besides."""
    if record.method is not ConsentMethod.PHONE:
        return True
    return _is_there(record, "document_ref") or _is_there(record, "signature")


def _asked(record: ConsentRecord, rule: ConsentRule) -> Iterator[tuple[str, str]]:
    required, required_by = rule.evidence, rule.evidence_rule
    offline = record.method is not None and record.method.offline
    if offline and rule.offline_evidence is not None:
        required, required_by = rule.offline_evidence, rule.offline_rule
    # Without its moment no consent can be compared with an opt-out or with its age.
    if "granted_at" not in required:
        yield "granted_at", required_by or rule.rule
    for name in required:
        yield name, required_by or rule.rule
    yield from rule.more_evidence


def _is_there(record: ConsentRecord, name: str) -> bool:
    """Whether the field says what evidence is made of; of a yes-or-no field only a yes does."""
    if name == "cpf":
        return record.cpf_valid is not None  # a wrong one is invalid, not missing
    value = getattr(record, name)
    if name == "ip":
        return value is not None and _is_address(value)
    if isinstance(value, str):
        return bool(value.strip())
    return value if isinstance(value, bool) else value is not None


@lru_cache(maxsize=4096)
def _is_address(text: str) -> bool:
    """Whether a text is an IP address, of either version: "n/a" proves nothing."""
    try:
        ip_address(text.strip())
    except ValueError:
        return False
    return True

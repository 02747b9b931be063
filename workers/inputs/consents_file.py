"""Consents: CSV or NDJSON."""

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.policy.consent import ConsentRecord
from pipeline.policy.cpf import is_valid_cpf
from pipeline.policy.numbers import NumberFacts
from pipeline.policy.vocabulary import Category, Channel, ConsentMethod
from workers.inputs.lines import Line
from workers.inputs.refusals import RefusedRow
from workers.inputs.rows import read_rows
from workers.inputs.values import Fields

COLUMNS = (
    "to",
    "business",
    "channel",
    "category",
    "topics",
    "granted_at",
    "method",
    "text",
    "ip",
    "signature",
    "document_ref",
    "cpf",
    "confirmed_at",
    "source",
    "pre_ticked",
    "initiated_by_consumer",
    "policy_version",
    "revoked_at",
    "renewed_at",
)
REQUIRED = ("to", "business", "channel", "category")

EVERY = "*"
_WRITTEN_OUT = ("text", "signature", "document_ref", "source", "policy_version")
MAX_TEXT = 4000
MAX_TOPICS = 100
MAX_TOPIC_LENGTH = 100

_KNOWN = frozenset(COLUMNS)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentRow:
    """A consent as it was reported.

    Attributes:
        cpf_hash: the CPF under a keyed hash (HMAC-SHA256, hexadecimal), so that the same one is
            known again; the number itself goes no further than this module.
    """

    line: int
    number: NumberFacts
    record: ConsentRecord
    cpf_hash: str | None = None


def read_consents(path: Path, *, hash_key: bytes | None) -> Iterator[ConsentRow | RefusedRow]:
    """The rows of a file, and those that cannot be used.

    Args:
        hash_key: the key for CPFs; None: a row that has one is refused.

    Raises:
        InputFileError: the file or its header cannot be used.
    """
    return read_rows(path, partial(_row, hash_key=hash_key), required=REQUIRED, known=COLUMNS)


def _row(line: Line, hash_key: bytes | None) -> ConsentRow:
    fields = Fields(line.values)
    fields.refuse_others(_KNOWN)
    cpf = fields.text("cpf", most=20)
    record = ConsentRecord(
        business=fields.required_text("business", "loja-azul", most=64),
        category=fields.required_word("category", Category),
        channel=_channel(fields),
        topics=_topics(fields, line),
        granted_at=fields.instant("granted_at"),
        method=fields.word("method", ConsentMethod),
        text=fields.text("text", most=MAX_TEXT),
        ip=fields.text("ip", most=64),
        signature=fields.text("signature", most=500),
        document_ref=fields.text("document_ref", most=500),
        cpf_valid=None if cpf is None else is_valid_cpf(cpf),
        confirmed_at=fields.instant("confirmed_at"),
        source=fields.text("source", most=500),
        pre_ticked=fields.flag("pre_ticked"),
        initiated_by_consumer=fields.flag("initiated_by_consumer"),
        policy_version=fields.text("policy_version", most=100),
        revoked_at=fields.instant("revoked_at"),
        renewed_at=fields.instant("renewed_at"),
    )
    number = fields.phone("to")
    cpf_hash = _hash(fields, cpf, record.topics, hash_key)
    return ConsentRow(line=line.number, number=number, record=record, cpf_hash=cpf_hash)


def _channel(fields: Fields) -> Channel | None:
    written = fields.required_text("channel", "whatsapp, sms, or * for all")
    return None if written == EVERY else fields.required_word("channel", Channel)


def _topics(fields: Fields, line: Line) -> frozenset[str] | None:
    """The topics; None for all. Who names none has agreed to no campaign with a topic."""
    value = line.values.get("topics")
    if isinstance(value, list):  # NDJSON
        if not all(isinstance(topic, str) for topic in value):
            raise fields.error("topics", "holds something other than texts")
        written = [Fields({"topics": topic}).text("topics", most=MAX_TEXT) or "" for topic in value]
    else:
        written = (fields.text("topics", most=MAX_TEXT) or "").split(";")
    topics = frozenset(topic.strip().casefold() for topic in written) - {""}
    if EVERY in topics:
        return None
    if not topics:
        return frozenset(("",))  # stored as a consent whose topic no campaign has
    longest = max(map(len, topics))
    if len(topics) > MAX_TOPICS or longest > MAX_TOPIC_LENGTH:
        problem = f"has over {MAX_TOPICS} topics, or one of over {MAX_TOPIC_LENGTH} characters"
        raise fields.error("topics", problem)
    if any(";" in topic for topic in topics):
        raise fields.error("topics", "holds a topic with ';' in it, which separates topics")
    return topics


def _hash(
    fields: Fields, cpf: str | None, topics: frozenset[str] | None, key: bytes | None
) -> str | None:
    if cpf is None:
        return None
    if key is None:
        problem = "cannot be stored without a key; set RECADO_HASH_KEY to a long random text"
        raise fields.error("cpf", problem)
    digits = re.sub(r"\D", "", cpf)
    written = {name: fields.text(name, most=MAX_TEXT) or "" for name in _WRITTEN_OUT}
    written["topics"] = ";".join(topics or ())
    for name, value in written.items():
        if digits and digits in re.sub(r"\D", "", value):
            problem = "repeats the CPF, which is kept as a hash only; write it as ***"
            raise fields.error(name, problem)
    return hmac.new(key, digits.encode(), hashlib.sha256).hexdigest()

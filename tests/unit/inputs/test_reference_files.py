from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.policy.vocabulary import Channel, ConsentMethod
from pipeline.store.senders import Sender
from workers.inputs.consents_file import ConsentRow, read_consents
from workers.inputs.refusals import InputFileError, RefusedRow
from workers.inputs.senders_file import read_senders
from workers.inputs.suppressions_file import SuppressionRow, read_suppressions
from workers.inputs.templates_file import read_templates

File = Callable[..., Path]

CONSENTS = "to,business,channel,category,topics,granted_at,method,cpf,pre_ticked\n"
GOOD_CONSENT = "+5511987654321,b,whatsapp,marketing,A;b,2026-05-01T10:00:00-03:00,web,,false"

SENDER = """\
[[sender]]
id = "a"
business = "b"
country = "us"
channel = "sms"
address = "+1"
provider = "Sandbox"
rate_per_second = 10
tier = "new"
state = "active"
[sender.registration]
kind = "10dlc"
status = "approved"
approved_at = 2026-01-01T00:00:00Z
tax_id = "12"
"""

TEMPLATE = """\
[[template]]
id = "t"
business = "b"
country = "IN"
channel = "sms"
category = "marketing"
language = "en"
body = "Hi {name}"
status = "approved"
approved_at = 2026-01-01T00:00:00Z
"""


def refusals(rows: Iterable[Any]) -> list[tuple[int, str, str]]:
    return [(row.line, row.field, row.problem) for row in rows if isinstance(row, RefusedRow)]


def test_a_consent_is_read_with_its_evidence(file: File) -> None:
    (row,) = read_consents(file(CONSENTS + GOOD_CONSENT), hash_key=None)
    assert isinstance(row, ConsentRow)
    assert row.number.e164 == "+5511987654321"
    assert row.record.topics == frozenset({"a", "b"})
    assert row.record.granted_at == datetime(2026, 5, 1, 13, tzinfo=UTC)
    assert row.record.method is ConsentMethod.WEB
    assert row.record.pre_ticked is False
    assert row.record.cpf_valid is None


def test_a_cpf_is_not_let_in_by_another_field(file: File) -> None:
    header = "to,business,channel,category,cpf,text\n"
    rows = [
        "+5511987654321,b,*,marketing,529.982.247-25,Aceito. CPF 52998224725",
        "+5511987654321,b,*,marketing,529.982.247-25,Aceito. CPF ***",
    ]
    refused, taken = read_consents(file(header + "\n".join(rows)), hash_key=b"key")
    assert isinstance(refused, RefusedRow)
    assert (refused.line, refused.field) == (2, "text")
    assert "52998224725" not in str(refused)
    assert isinstance(taken, ConsentRow)


@pytest.mark.parametrize("field", ["policy_version", "topics"])
def test_a_cpf_is_not_let_in_by_a_short_field_either(file: File, field: str) -> None:
    header = f"to,business,channel,category,cpf,{field}\n"
    row = "+5511987654321,b,*,marketing,529.982.247-25,529 982 247 25"
    (refused,) = read_consents(file(header + row), hash_key=b"key")
    assert isinstance(refused, RefusedRow)
    assert refused.field == field


@pytest.mark.parametrize("topic", ["\\ud800", "a\\u0000b"])
def test_a_topic_that_the_database_cannot_hold_is_refused_alone(file: File, topic: str) -> None:
    row = '{"to": "+5511987654321", "business": "b", "channel": "*", "category": "marketing", '
    rows = [row + f'"topics": ["{topic}"]}}', row + '"topics": ["a"]}']
    refused, taken = read_consents(file("\n".join(rows), "consents.ndjson"), hash_key=b"key")
    assert isinstance(refused, RefusedRow)
    assert (refused.line, refused.field) == (1, "topics")
    assert isinstance(taken, ConsentRow)


def test_a_renewal_keeps_the_first_grant(file: File) -> None:
    header = "to,business,channel,category,granted_at,renewed_at\n"
    line = "+51987654321,b,sms,marketing,2026-01-02T10:00:00-05:00,2026-06-02T10:00:00-05:00"
    (row,) = read_consents(file(header + line), hash_key=None)
    assert isinstance(row, ConsentRow)
    assert row.record.granted_at == datetime(2026, 1, 2, 15, tzinfo=UTC)
    assert row.record.renewed_at == datetime(2026, 6, 2, 15, tzinfo=UTC)


def test_a_star_means_every_channel_and_every_topic(file: File) -> None:
    line = GOOD_CONSENT.replace("whatsapp", "*").replace("A;b", "*")
    (row,) = read_consents(file(CONSENTS + line), hash_key=None)
    assert isinstance(row, ConsentRow)
    assert (row.record.channel, row.record.topics) == (None, None)


def test_a_consent_without_topics_is_for_no_topic(file: File) -> None:
    (row,) = read_consents(file(CONSENTS + GOOD_CONSENT.replace("A;b", "")), hash_key=None)
    assert isinstance(row, ConsentRow)
    assert row.record.topics == frozenset({""})


def test_a_cpf_is_kept_only_as_a_keyed_hash(file: File) -> None:
    lines = [GOOD_CONSENT.replace(",,", f",{cpf},") for cpf in ("529.982.247-25", "52998224725")]
    wrong = GOOD_CONSENT.replace(",,", ",52998224726,")
    path = file(CONSENTS + "\n".join([*lines, wrong]))
    rows = [row for row in read_consents(path, hash_key=b"k") if isinstance(row, ConsentRow)]
    assert [row.record.cpf_valid for row in rows] == [True, True, False]
    assert rows[0].cpf_hash == rows[1].cpf_hash != rows[2].cpf_hash
    assert "529" not in str(rows[0].record) + str(rows[0].cpf_hash)[:3]
    (other, *_) = read_consents(path, hash_key=b"other")
    assert isinstance(other, ConsentRow)
    assert other.cpf_hash != rows[0].cpf_hash


@pytest.mark.parametrize(
    ("old", "new", "field", "problem"),
    [
        ("+5511987654321", "11987654321", "to", "is not a valid number"),
        ("+5511987654321", "", "to", "is missing"),
        ("-03:00", "", "granted_at", "has no offset"),
        ("2026-05-01T10:00:00-03:00", "0001-01-01T00:00:00+14:00", "granted_at", "out of range"),
        ("whatsapp", "telegram", "channel", "is 'telegram', which is not one"),
        ("marketing", "", "category", "is missing; one of"),
        ("web", "wep", "method", "did you mean web?"),
        ("false", "no", "pre_ticked", "is neither true nor false"),
        (",,", ",52998224725,", "cpf", "RECADO_HASH_KEY"),
    ],
)
def test_a_bad_consent_is_refused_with_line_and_field(
    file: File, old: str, new: str, field: str, problem: str
) -> None:
    lines = [GOOD_CONSENT, GOOD_CONSENT.replace(old, new, 1), GOOD_CONSENT]
    rows = list(read_consents(file(CONSENTS + "\n".join(lines)), hash_key=None))
    assert [isinstance(row, ConsentRow) for row in rows] == [True, False, True]
    ((line, found, text),) = refusals(rows)
    assert (line, found) == (3, field)
    assert problem in text
    assert GOOD_CONSENT.replace(old, new, 1).split(",")[0] not in text or new == ""


def test_half_a_character_is_refused(file: File) -> None:
    line = (
        r'{"to": "+5511987654321", "business": "\ud800", "channel": "*", "category": "marketing"}'
    )
    rows = list(read_consents(file(line, "c.ndjson"), hash_key=None))
    assert [field for _, field, _ in refusals(rows)] == ["business"]


def test_an_unknown_column_of_consents_names_the_near_one(file: File) -> None:
    with pytest.raises(InputFileError, match="did you mean granted_at"):
        list(read_consents(file(CONSENTS.replace("granted_at", "granted")), hash_key=None))


def test_a_sender_is_read_with_its_registration(file: File) -> None:
    (sender,) = read_senders(file(SENDER, "s.toml"))
    assert isinstance(sender, Sender)
    assert (sender.country, sender.provider, sender.channel) == ("US", "sandbox", Channel.SMS)
    registration = sender.facts().registration
    assert registration is not None
    assert registration.approved_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert registration.fields["tax_id"] == "12"


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "problem"),
    [
        ("rate_per_second = 10", "rate_per_second = 0", 23, "rate_per_second", "is not between"),
        ("rate_per_second = 10", "rate_per_second = nan", 23, "rate_per_second", "is not betw"),
        ("rate_per_second = 10", 'rate_per_second = "10"', 23, "rate_per_second", "no number"),
        ('"us"', '"USA"', 19, "country", "is 'USA'; write the two letters"),
        ('"new"', '"newest"', 24, "tier", "did you mean new?"),
        ('"10dlc"', '"a2p"', 27, "registration.kind", "one of: 10dlc, operator, dlt"),
        ("tax_id", "taxid", 30, "registration.taxid", "did you mean tax_id?"),
        ("T00:00:00Z", "", 29, "registration.approved_at", "is not a time"),
        ('id = "b2"', 'id = "a"', 17, "id", "stands twice"),
        ("address", "adress", 21, "adress", "did you mean address?"),
    ],
)
def test_a_bad_sender_is_refused_with_line_and_field(
    file: File, old: str, new: str, line: int, field: str, problem: str
) -> None:
    second = SENDER.replace('id = "a"', 'id = "b2"').replace(old, new, 1)
    rows = list(read_senders(file(SENDER + second, "s.toml")))
    assert [row.code for row in rows if isinstance(row, Sender)] == ["a"]
    ((found_line, found_field, text),) = refusals(rows)
    assert (found_line, found_field) == (line, field)
    assert problem in text


def test_a_territorys_sender_stands_for_the_country_whose_rules_it_has(file: File) -> None:
    (sender,) = read_senders(file(SENDER.replace('country = "US"', 'country = "pr"'), "s.toml"))
    assert isinstance(sender, Sender)
    assert sender.country == "US"


def test_a_file_without_senders_is_unusable(file: File) -> None:
    with pytest.raises(InputFileError, match=r"write \[\[sender\]\]"):
        list(read_senders(file('[[senders]]\nid = "a"\n', "s.toml")))


def test_a_header_with_a_variable_is_refused_where_nobody_would_fill_it_in(file: File) -> None:
    by_sms = TEMPLATE + 'header = "Hi {name}"\n'
    on_whatsapp = by_sms.replace('"sms"', '"whatsapp"')
    ((_, field, problem),) = refusals(read_templates(file(on_whatsapp, "t.toml")))
    assert (field, "only the body's are filled in" in problem) == ("header", True)
    assert refusals(read_templates(file(by_sms, "t.toml"))) == []
    plain = on_whatsapp.replace("{name}", "there")
    assert refusals(read_templates(file(plain, "t.toml"))) == []


def test_a_bad_template_is_refused_and_the_others_pass(file: File) -> None:
    bad = TEMPLATE.replace('"approved"', '"aproved"').replace('"t"', '"u"')
    rows = list(read_templates(file(TEMPLATE + bad + TEMPLATE, "t.toml")))
    assert [(line, field) for line, field, _ in refusals(rows)] == [(19, "status"), (22, "id")]
    assert len(rows) == 3


def test_suppressions_are_read_and_bad_ones_refused(file: File) -> None:
    path = file(
        "to,business,reason,since\n"
        "+5511987654321,*,opt_out,2026-01-01T00:00:00Z\n"
        "+5511987654321,b,opt_out,2026-01-01\n"
        "+5511987654321,b,opt_out,\n"
    )
    rows = list(read_suppressions(path))
    assert isinstance(rows[0], SuppressionRow)
    assert rows[0].business == "*"
    assert [(line, field) for line, field, _ in refusals(rows)] == [(3, "since"), (4, "since")]

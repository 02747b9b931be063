"""A campaign: TOML, every field checked."""

import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.policy.media import LONGEST_MEDIA_URL, MediaError, media_kind
from pipeline.policy.rendering import not_a_variable, variables_of
from pipeline.policy.vocabulary import Category, Channel
from pipeline.store.campaigns import Campaign
from pipeline.store.senders import Template
from workers.inputs.refusals import FieldError, InputFileError
from workers.inputs.toml_file import TomlFile
from workers.inputs.values import Fields

MAX_BODY = 4096
"""Characters: the most that any channel carries (WhatsApp)."""

DISCLOSURES = ("identification", "offer_terms", "offer_expiry", "opt_out", "support")
CONTENT = ("body", "template", "machine_translated", "media")
FIELDS = (
    "id",
    "name",
    "business",
    "brand",
    "category",
    "channel",
    "language",
    "topic",
    "sender",
    "starts_at",
    "expires_at",
    "content",
    "disclosures",
)

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


def read_campaign(path: Path, *, now: datetime) -> Campaign:
    """The campaign of a file, not yet stored. Without an ``id`` it gets one from its name.

    A campaign with a template and no body has an empty `body`: the template's is to be put there.

    Raises:
        InputFileError: a field cannot be used; names file, line, field and remedy.
    """
    file = TomlFile(path)
    for name in file.values:
        if name != "campaign":
            line = file.line_of(name, name)
            raise InputFileError(path, "is not known here; use [campaign]", line=line, field=name)
    table = file.values.get("campaign")
    if not isinstance(table, dict):
        raise InputFileError(path, "has no [campaign] table; begin with one", line=1)
    try:
        return parse_campaign(table, now=now)
    except FieldError as error:
        line = file.line_of("campaign", error.field)
        raise InputFileError(path, error.problem, line=line, field=error.field) from None


def with_template_body(path: Path, campaign: Campaign, templates: Iterable[Template]) -> Campaign:
    """The campaign with a text: where it has none of its own, its template's.

    Args:
        path: its file, for the error.
        templates: those that are known.

    Raises:
        InputFileError: nobody knows the template.
    """
    if campaign.body:
        return campaign
    for template in templates:
        if (template.business, template.code) == (campaign.business, campaign.template_code):
            return replace(campaign, body=template.body, variables=variables_of(template.body))
    problem = (
        f"{campaign.template_code!r} is no template of {campaign.business!r}; load it with "
        "recado templates import, or give a body"
    )
    raise InputFileError(path, problem, field="content.template")


def parse_campaign(table: dict[str, Any], *, now: datetime) -> Campaign:
    """A campaign from the fields of ``[campaign]``.

    Raises:
        FieldError: a field cannot be used.
    """
    fields = Fields(table)
    fields.refuse_others(FIELDS)
    name = fields.required_text("name", '"Black Friday"')
    category = fields.required_word("category", Category)
    starts_at, expires_at = _times(fields, category, now)
    content = Fields(_table(fields, table, "content"), "content.")
    content.refuse_others(CONTENT)
    body = content.text("body", most=MAX_BODY)
    template = content.text("template", most=128)
    if body is None and template is None:
        raise content.error("body", "is missing, and so is template; give one of them")
    refuse_braces(content, body or "")
    disclosures = Fields(_table(fields, table, "disclosures"), "disclosures.")
    disclosures.refuse_others(DISCLOSURES)
    stated = {each: disclosures.text(each, most=500) for each in DISCLOSURES}
    return Campaign(
        code=_code(fields, name),
        name=name,
        business=fields.required_text("business", '"loja-azul"', most=64),
        brand=fields.required_text("brand", '"Loja Azul"', most=100),
        category=category,
        channel=fields.required_word("channel", Channel),
        language=_language(fields),
        topic=fields.text("topic", most=100),
        sender_code=fields.text("sender", most=64),
        starts_at=starts_at,
        expires_at=expires_at,
        body=body or "",
        template_code=template,
        variables=variables_of(body or ""),
        media_url=_media(content),
        machine_translated=bool(content.flag("machine_translated")),
        disclosures={each: text for each, text in stated.items() if text is not None},
    )


def refuse_braces(fields: Fields, body: str) -> None:
    """Refuse a body with a misspelt variable: everybody would read it as it stands.

    Raises:
        FieldError: something in braces is no variable.
    """
    braced = not_a_variable(body)
    if braced is not None:
        problem = f"has {braced!r}, which is no variable; write {{name}}: letters, digits and _"
        raise fields.error("body", problem)


def _table(fields: Fields, table: dict[str, Any], name: str) -> dict[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise fields.error(name, f"is not a table; write [campaign.{name}]")
    return found


def _media(content: Fields) -> str | None:
    url = content.text("media", most=LONGEST_MEDIA_URL)
    if url is None:
        return None
    try:
        media_kind(url)
    except MediaError as error:
        raise content.error("media", str(error)) from None
    return url


def _times(
    fields: Fields, category: Category, now: datetime
) -> tuple[datetime | None, datetime | None]:
    starts_at, expires_at = fields.instant("starts_at"), fields.instant("expires_at")
    if expires_at is None and category is Category.MARKETING:
        example = "2026-11-27T23:59:00-03:00"
        raise fields.error("expires_at", f"is missing; marketing needs one, e.g. {example}")
    if expires_at is not None and expires_at <= now:
        problem = f"is in the past (it is {now:%Y-%m-%d %H:%M} UTC); give a later one"
        raise fields.error("expires_at", problem)
    if starts_at is not None and expires_at is not None and starts_at >= expires_at:
        raise fields.error("starts_at", "is not before expires_at; give an earlier one")
    return starts_at, expires_at


def _code(fields: Fields, name: str) -> str:
    code = fields.text("id", most=64)
    if code is None:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "campaign"
        return f"{slug}-{secrets.token_hex(4)}"
    if not CODE.fullmatch(code):
        problem = "may hold letters, digits, '.', '_' and '-', up to 64 characters"
        raise fields.error("id", problem)
    return code


def _language(fields: Fields) -> str:
    language = fields.required_text("language", '"pt-BR"', most=35)
    if not LANGUAGE.fullmatch(language):
        raise fields.error("language", f"is {language!r}; write a language tag, e.g. pt-BR")
    return language

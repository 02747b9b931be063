"""Templates: TOML, repeated ``[[template]]``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.policy.vocabulary import Category, Channel, ParameterStyle, RegistrationStatus
from pipeline.store.senders import Template
from workers.inputs.campaign_file import LANGUAGE, MAX_BODY, refuse_braces
from workers.inputs.refusals import FieldError, RefusedRow
from workers.inputs.toml_file import TomlFile, entries_of
from workers.inputs.values import Fields

FIELDS = (
    "id",
    "business",
    "country",
    "channel",
    "category",
    "language",
    "header",
    "body",
    "status",
    "submitted_at",
    "approved_at",
    "last_used_at",
    "machine_translated",
    "parameters",
)


def read_templates(path: Path) -> Iterator[Template | RefusedRow]:
    """The templates of a file, and those that cannot be used.

    Raises:
        InputFileError: the file cannot be used at all.
    """
    file = TomlFile(path)
    seen: set[tuple[str, str]] = set()
    for place, entry in enumerate(entries_of(file, "template")):
        try:
            template = parse_template(entry)
        except FieldError as error:
            line = file.line_of("template", error.field, entry=place)
            yield RefusedRow(file=path, line=line, field=error.field, problem=error.problem)
            continue
        key = (template.business, template.code)
        if key in seen:
            line = file.line_of("template", "id", entry=place)
            problem = f"{template.code!r} stands twice for this business; the first one is taken"
            yield RefusedRow(file=path, line=line, field="id", problem=problem)
            continue
        seen.add(key)
        yield template


def parse_template(entry: dict[str, Any]) -> Template:
    """A template from the fields of one table.

    Raises:
        FieldError: a field cannot be used.
    """
    fields = Fields(entry)
    fields.refuse_others(FIELDS)
    language = fields.required_text("language", '"pt-BR"', most=35)
    if not LANGUAGE.fullmatch(language):
        raise fields.error("language", f"is {language!r}; write a language tag, e.g. pt-BR")
    body = fields.required_text("body", '"Loja Azul: {offer}"', most=MAX_BODY)
    refuse_braces(fields, body)
    channel = fields.required_word("channel", Channel)
    return Template(
        code=fields.required_text("id", '"bf_2026"', most=128),
        business=fields.required_text("business", '"loja-azul"', most=64),
        country=fields.country("country"),
        channel=channel,
        category=fields.required_word("category", Category).value,
        language=language,
        header=_header(fields, channel),
        body=body,
        status=fields.required_word("status", RegistrationStatus),
        submitted_at=fields.instant("submitted_at"),
        approved_at=fields.instant("approved_at"),
        last_used_at=fields.instant("last_used_at"),
        machine_translated=bool(fields.flag("machine_translated")),
        parameters=fields.word("parameters", ParameterStyle) or ParameterStyle.POSITIONAL,
    )


def _header(fields: Fields, channel: Channel) -> str | None:
    """The text above the body. WhatsApp refuses a message that leaves a variable of it open."""
    header = fields.text("header", most=200)
    if channel is Channel.WHATSAPP and header is not None and "{" in header:
        problem = "has a variable, and only the body's are filled in; use a template without one"
        raise fields.error("header", problem)
    return header

"""``recado classify``: what the opt-out lane would take replies for. Needs no server."""

import sys
from collections.abc import Iterator
from functools import partial
from typing import Annotated, BinaryIO

import typer
from rich.cells import cell_len, set_cell_size

from config.languages_file import Languages, load_languages
from config.packs.errors import near
from config.policies import load_policies
from config.settings import load_settings
from pipeline.policy.replies import understand
from pipeline.policy.replies.lexicon import table_tag
from pipeline.policy.replies.meaning import Intent, Scope, Understanding
from workers.cli.output import UNUSABLE, AsJson, CommandError, print_json
from workers.clock import machine_now

LONGEST_LINE = 65_536
"""Bytes of a line that are read; a reply is far shorter on every channel."""

_SHOWN = 44
"""Columns of a reply in the table."""

_DOES = {
    Intent.OPT_OUT: "ends marketing at once, and confirms",
    Intent.COMPLAINT: "ends marketing at once, confirms, and counts a complaint",
    Intent.OPT_IN: "records a new consent",
    Intent.HELP: "answers who writes and how to leave",
    Intent.REVIEW: "holds marketing until a person has decided",
    Intent.NONE: "nothing",
}
_WRONG_NUMBER = "ends everything at once: the number is somebody else's"


def classify(
    *,
    country: Annotated[
        str | None,
        typer.Option("--country", metavar="CC", help="Where the people are, e.g. BR."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option("--language", metavar="TAG", help="The people's language, e.g. pt-BR."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell for each reply on stdin, one a line, what the opt-out lane would do."""
    languages = load_languages()
    code = None if country is None else country.strip().upper()
    words = () if code is None else _words(code)
    tag = None if language is None else _known(language, languages)
    taken_for = partial(
        understand, lexicon=languages.lexicon, country=code, language=tag, words=words
    )
    for reply in _lines(sys.stdin.buffer):
        understood = taken_for(reply)
        if as_json:
            print_json(_as_json(reply, understood))
        else:
            print(_row(reply, understood), flush=True)


def _words(country: str) -> tuple[str, ...]:
    """The country's own words by which people leave."""
    settings = load_settings()
    policies = load_policies(settings.policies, closed_days=settings.closed_days)
    policy = policies.for_country(country, machine_now().date())
    if policy is None:
        known = sorted(code for pack in policies.packs() for code in pack.countries)
        raise CommandError(
            f"--country: no pack has the country {country!r}; known: {', '.join(known)}",
            exit_code=UNUSABLE,
        )
    return policy.opt_out.words


def _known(language: str, languages: Languages) -> str:
    tag = language.strip()
    if table_tag(tag) not in languages.lexicon.tables:
        raise CommandError(
            f"--language: there is no table for {tag!r}; {near(tag, languages.lexicon.tables)}",
            exit_code=UNUSABLE,
        )
    return tag


def _lines(source: BinaryIO) -> Iterator[str]:
    """Each line as text, the beginning of one that is too long."""
    number = 0
    while line := source.readline(LONGEST_LINE):
        number += 1
        whole = line.endswith(b"\n")
        if not whole and len(line) == LONGEST_LINE and not _rest_is_empty(source):
            print(
                f"recado: line {number} has more than {LONGEST_LINE:,} bytes; "
                "only its beginning was read",
                file=sys.stderr,
            )
        yield line.decode(errors="replace").removesuffix("\n").removesuffix("\r")


def _rest_is_empty(source: BinaryIO) -> bool:
    """Read on to the line's end, and say whether that was nothing."""
    empty = True
    while rest := source.readline(LONGEST_LINE):
        empty = empty and not rest.strip(b"\r\n")
        if rest.endswith(b"\n"):
            break
    return empty


def _as_json(reply: str, understood: Understanding) -> dict[str, str | None]:
    return {
        "text": reply,
        "intent": understood.intent,
        "scope": understood.scope,
        "match": understood.match,
        "language": understood.language,
    }


def _row(reply: str, understood: Understanding) -> str:
    shown = "".join(each if each.isprintable() else " " for each in reply)
    if cell_len(shown) > _SHOWN:
        shown = set_cell_size(shown, _SHOWN - 1) + "…"
    does = _WRONG_NUMBER if understood.scope is Scope.NUMBER else _DOES[understood.intent]
    why = " ".join(str(part) for part in (understood.match, understood.language) if part)
    return f"{set_cell_size(shown, _SHOWN)}  {understood.intent:<9}  {why:<12}  {does}"

"""Reads the language tables: what people write who leave, come back or ask, and what we answer."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from config.languages_schema import CountryEntry, LanguageEntry
from config.packs.errors import PackText, PolicyError, explain, near
from config.packs.schema import is_country
from pipeline.policy.content.text import Wordbook
from pipeline.policy.replies.lexicon import AnswerTexts, CountryTable, LanguageTable, Lexicon
from pipeline.policy.replies.normalise import normalise

__all__ = ["LANGUAGES_FOLDER", "Languages", "PolicyError", "load_languages"]

LANGUAGES_FOLDER = Path(__file__).parent / "languages"
COUNTRIES_FILE = "countries.toml"

_LIKELIEST = ("en", "es", "pt", "fr", "de", "it", "hi")
"""Named first for a word that several languages have, where the person's is none of them."""

_LEAVING = ("words", "home_words", "phrases", "marketing", "notifications", "wrong_number")
_RETURNING = ("return_words", "home_return_words")
_ONCE = ((*_LEAVING, *_RETURNING, "help_words", "fillers"), ("doubtful",), ("harmless",))
"""Lists in each of which, taken together, nothing stands twice."""

_COMPARED = (*chain(*_ONCE), "alone", "everyday")
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, kw_only=True, slots=True)
class Languages:
    """Every table, checked.

    Attributes:
        words: what the texts of campaigns are read with.
        answers: language tag → what is answered in it.
        names: language tag → its English name.
    """

    words: Wordbook
    answers: Mapping[str, AnswerTexts]
    names: Mapping[str, str]

    @property
    def lexicon(self) -> Lexicon:
        """What replies are understood by."""
        return self.words.lexicon


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    """One checked file, with its text to place later errors.

    `said` has the lists of the table, normalised.
    """

    text: PackText
    entry: LanguageEntry
    table: LanguageTable
    said: Mapping[str, tuple[str, ...]]

    def texts(self, *names: str) -> Iterator[tuple[str, str]]:
        """(list, text) of everything in these lists."""
        return ((name, text) for name in names for text in self.said[name])


def load_languages(folder: Path | None = None) -> Languages:
    """Read every table of a folder.

    Args:
        folder: holds one TOML file a language and ``countries.toml``; None: those of the project.

    Raises:
        PolicyError: a file cannot be used; one line names file, line, key and remedy.
    """
    folder = folder or LANGUAGES_FOLDER
    countries_path = folder / COUNTRIES_FILE
    if not countries_path.is_file():
        raise PolicyError(f"{countries_path}: is missing; it says who speaks what where")
    files = [
        _language_file(path) for path in sorted(folder.glob("*.toml")) if path != countries_path
    ]
    if not files:
        raise PolicyError(f"{folder}: holds no language; add one, e.g. en.toml")
    for file in files:
        _check_alone(file)
        _check_once(file)
        _check_against(file, files)
    files.sort(key=_likelihood)
    tables = {file.table.language: file.table for file in files}
    lexicon = Lexicon(tables=tables, countries=_countries(countries_path, tables))
    texts = {file.table.language: file.entry.as_text_table() for file in files}
    return Languages(
        words=Wordbook(lexicon, texts),
        answers={file.table.language: file.entry.answer_texts() for file in files},
        names={file.table.language: file.entry.name for file in files},
    )


def _likelihood(file: _File) -> int:
    language = file.table.language
    return _LIKELIEST.index(language) if language in _LIKELIEST else len(_LIKELIEST)


def _content(path: Path) -> tuple[PackText, dict[str, Any]]:
    try:
        raw = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    try:
        return PackText(path, raw), tomllib.loads(raw)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = place[1] if place else str(max(1, len(raw.splitlines())))
        problem = re.sub(r"\s*\(at .*\)$", "", str(error))
        raise PolicyError(
            f"{path}:{line}: this is not TOML: {problem}; correct that line"
        ) from error


def _checked(text: PackText, model: type[_Model], raw: object, prefix: str = "") -> _Model:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        field, problem = explain(error, model)
        raise text.error(problem, field=f"{prefix}{field}") from error


def _language_file(path: Path) -> _File:
    text, content = _content(path)
    entry = _checked(text, LanguageEntry, content)
    if entry.language != path.stem:
        raise text.error(
            f"{entry.language!r} does not fit the file's name; call it {entry.language}.toml",
            field="language",
        )
    table = entry.as_table()
    said = {name: tuple(map(normalise, getattr(table, name))) for name in _COMPARED}
    return _File(text=text, entry=entry, table=table, said=said)


def _check_once(file: _File) -> None:
    """Nothing stands twice, and nothing both leaves and comes back."""
    for names in _ONCE:
        seen: dict[str, str] = {}
        for name, text in file.texts(*names):
            if text in seen:
                raise file.text.error(
                    f"{text!r} stands in {name} and in {seen[text]} (case, accents and "
                    "punctuation do not count); remove one",
                    field=name,
                )
            seen[text] = name


def _check_alone(file: _File) -> None:
    known = {*file.said["words"], *file.said["home_words"]}
    for text in file.said["alone"]:
        if text not in known:
            raise file.text.error(
                f"{text!r} is no word by which people leave; add it there, or remove it here",
                field="alone",
            )


def _check_against(file: _File, files: Iterable[_File]) -> None:
    """What counts everywhere means nothing else in any other language."""
    everywhere = {text for _, text in file.texts(*_LEAVING)}.difference(file.said["home_words"])
    for other in files:
        for name, text in other.texts(*_RETURNING, "fillers"):
            if text in everywhere:
                raise other.text.error(
                    f"people leave by {text!r} in {file.table.language!r}; remove it", field=name
                )
        allowed = other.entry.everyday_all_the_same()
        for text in other.said["everyday"]:
            if text in everywhere and text not in allowed:
                raise file.text.error(
                    f"{text!r} is an everyday word in {other.table.language!r}; "
                    "move it to home_words",
                    field="words",
                )


def _countries(path: Path, tables: Mapping[str, LanguageTable]) -> dict[str, CountryTable]:
    text, content = _content(path)
    countries: dict[str, CountryTable] = {}
    for code, raw in content.items():
        if not is_country(code):
            raise text.error(
                f"{code!r} is no ISO 3166 country code; write two capitals, e.g. PE", field=code
            )
        entry = _checked(text, CountryEntry, raw, prefix=f"{code}.")
        for language in entry.languages:
            if language not in tables:
                raise text.error(
                    f"there is no table {language!r}; {near(language, tables)}", field=code
                )
        countries[code] = entry.as_table()
    return countries

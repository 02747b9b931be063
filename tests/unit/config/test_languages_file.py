"""A language table that cannot be used says so in one line: file, line, key, remedy."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from config.languages_file import LANGUAGES_FOLDER, PolicyError, load_languages
from pipeline.policy.replies import understand
from pipeline.policy.replies.meaning import Intent

Edit = Callable[[str, str, str], None]

QUECHUA = """
language = "qu"
name = "Quechua"

[leave]
words = ["saqiy"]
home_words = ["para"]
phrases = ["ama qillqamuwaychu"]

[answers]
word = "SAQIY"
help = "{brand}: {support} {word}"
help_without_contact = "{brand}: {word}"
welcome = "{brand}: {word}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "languages"
    target.mkdir()
    for name in ("en.toml", "es.toml", "countries.toml"):
        shutil.copy(LANGUAGES_FOLDER / name, target)
    (target / "countries.toml").write_text('[PE]\nlanguages = ["es"]\n')
    return target


@pytest.fixture
def edit(folder: Path) -> Edit:
    def change(name: str, old: str, new: str) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return change


def test_a_new_language_is_a_new_file(folder: Path) -> None:
    (folder / "qu.toml").write_text(QUECHUA)
    (folder / "countries.toml").write_text('[PE]\nlanguages = ["es", "qu"]\n')
    languages = load_languages(folder)
    assert set(languages.answers) == {"en", "es", "qu"}
    assert languages.answers["qu"].word == "SAQIY"
    understood = understand("Saqiy!", lexicon=languages.lexicon, country="PE", language=None)
    assert (understood.intent, understood.language) == (Intent.OPT_OUT, "qu")


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("en.toml", "\n[leave]\n", "\n[leave\n", "this is not TOML"),
        ("en.toml", "phrases = [", "frases = [", "leave.frases: no such field"),
        ("en.toml", 'language = "en"', 'language = "eng"', "call it eng.toml"),
        ("en.toml", '"stopall"', '"STOP!"', "'stop' stands in words and in words"),
        ("en.toml", '"stop texting"', '"stopit"', "leave.phrases: 'stopit' is one word"),
        ("en.toml", '"stop texting"', '"?!"', "holds no letter or digit"),
        ("en.toml", "alone = [", 'alone = ["start",', "alone: 'start' is no word"),
        ("en.toml", 'vendor = ["start"', 'vendor = ["quit", "start"', "'quit'"),
        ("es.toml", 'vendor = ["volver"', 'vendor = ["unsub", "volver"', "people leave by 'unsub'"),
        ("es.toml", 'everyday = ["peru"', 'everyday = ["revoke"', "move it to home_words"),
        ("es.toml", "{support}", "{contact}", "must hold {brand}, {support}, {word}"),
        ("es.toml", 'word = "BAJA"', 'word = "ALTA"', "people are told to leave by 'ALTA'"),
        ("en.toml", '"shop now"', '"?!"', "promotion.offers: '?!' holds no letter or digit"),
        ("en.toml", '"shop now"', '"BUY now"', "promotion.offers: 'buy now' stands twice"),
        ("en.toml", "\n[promotion]", "\n[promotions]", "promotions: no such"),
        ("en.toml", "\n[columns]", "\n[regions]\nuk = []\n[columns]", "regions"),
        ("countries.toml", '"es"', '"ess"', "PE: there is no table 'ess'; did you mean 'es'?"),
        ("countries.toml", "[PE]", "[Peru]", "'Peru' is no ISO 3166 country code"),
        ("countries.toml", "[PE]", "[PE]\nlanguage = 1", "PE.language: no such field"),
        (
            "countries.toml",
            "[PE]",
            '[PE.commands]\n"start 1" = "opt_in"\n[PE]',
            "'start 1' cannot mean opt_in",
        ),
    ],
)
def test_what_is_wrong_is_named(
    folder: Path, edit: Edit, name: str, old: str, new: str, problem: str
) -> None:
    edit(name, old, new)
    with pytest.raises(PolicyError) as caught:
        load_languages(folder)
    text = str(caught.value)
    assert "\n" not in text
    assert problem in text
    assert str(folder) in text


def test_the_line_is_named(folder: Path, edit: Edit) -> None:
    edit("en.toml", "alone = [", 'alone = ["start",')
    lines = (folder / "en.toml").read_text().splitlines()
    place = next(number for number, line in enumerate(lines, 1) if line.startswith("alone ="))
    with pytest.raises(PolicyError, match=rf"en\.toml:{place}: alone"):
        load_languages(folder)


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"countries\.toml: is missing"):
        load_languages(tmp_path)
    (tmp_path / "countries.toml").write_text("")
    with pytest.raises(PolicyError, match="holds no language"):
        load_languages(tmp_path)


def test_a_file_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / "xx.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError, match=r"xx\.toml: cannot be read as UTF-8"):
        load_languages(folder)


def test_nothing_of_the_projects_tables_is_hidden_by_the_form_of_its_file() -> None:
    languages = load_languages()
    assert len(languages.lexicon.tables) == len(list(LANGUAGES_FOLDER.glob("??.toml")))
    assert set(languages.answers) == set(languages.lexicon.tables) == set(languages.names)
    promoting = {tag for tag, table in languages.words.texts.items() if table.promotion}
    assert promoting == {"en", "es", "pt", "fr", "de", "it", "hi"}

"""What a lawyer's assistant may get wrong in a pack: each is one line that says where and what."""

import re
from pathlib import Path

import pytest

from config.policies import PolicyError, load_policies

GENERAL = """
[pack]
code = "GENERAL"
name = "General"
version = "1"
last_checked = 2026-11-21

[[rule]]
id = "gl_optout_deadline"
kind = "opt_out_deadline"
summary = "One hour."
action = "report"
value = { within = "PT1H" }
source = "project decision"
reason = "The strictest."
effective_from = 2022-01-01
"""

CHILE = """
[pack]
code = "CL"
name = "Chile"
version = "1"
last_checked = 2026-11-21
channels = ["whatsapp", "sms"]
languages = ["es"]

[countries.CL]
name = "Chile"
language = "es"
holidays = "CL"

[[rule]]
id = "cl_confirmation"
kind = "opt_out_confirmation"
summary = "One message."
action = "report"
source = "project decision"
reason = "Everywhere."
effective_from = 2022-01-01
[rule.value.texts]
es = "{brand}: su baja está confirmada."

[[rule]]
id = "cl_consent"
kind = "consent"
summary = "Consent is asked for."
action = "block"
categories = ["marketing"]
source = "document A, line 21"
effective_from = 2022-01-01

[[rule]]
id = "cl_window"
kind = "window"
summary = "Nine to eight."
action = "defer"
categories = ["marketing"]
source = "document B, lines 75 and 90"
effective_from = 2022-01-01
[rule.value]
closed_on_holidays = true
[rule.value.hours]
monday-friday = ["09:00-13:00", "15:00-20:00"]

[[rule]]
id = "cl_cap"
kind = "cap"
summary = "Four a month."
action = "defer"
categories = ["marketing"]
value = { limit = 4, period = "P31D" }
source = "document B, line 92"
effective_from = 2022-01-01
"""


def write(folder: Path, chile: str = CHILE, general: str = GENERAL) -> Path:
    (folder / "general.toml").write_text(general)
    (folder / "cl.toml").write_text(chile)
    return folder


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_the_pack_of_these_tests_is_sound(tmp_path: Path) -> None:
    policies = load_policies(write(tmp_path))
    assert [pack.code for pack in policies.packs()] == ["GENERAL", "CL"]


WINDOW_HOURS = '["09:00-13:00", "15:00-20:00"]'
CAP_VALUE = 'value = { limit = 4, period = "P31D" }'


@pytest.mark.parametrize(
    ("wrong", "right", "place", "says"),
    [
        # A misspelt name, at every level, with the near one.
        ("languges", "languages", None, "languges: no such field; did you mean 'languages'?"),
        ("sumary", "summary", "cl_confirmation", "sumary: no such field; did you mean 'summary'?"),
        ("limt = 4", "limit = 4", "cl_cap", "value.limt: no such field; did you mean 'limit'?"),
        ("[[rules]]", "[[rule]]", None, "no such table; did you mean 'rule'?"),
        ('kind = "windw"', 'kind = "window"', "cl_window", "did you mean 'window'?"),
        ('["marketting"]', '["marketing"]', "cl_consent", "did you mean 'marketing'?"),
        ('"dfer"', '"defer"', "cl_window", "action: 'dfer' is unknown; did you mean 'defer'?"),
        ('"whatsap"', '"whatsapp"', None, "channels: 'whatsap' is unknown; did you mean"),
        # Something that is not there.
        ('version = "1"', 'name = "Chile"\nversion = "1"', None, "name: is missing; add it"),
        ("", 'categories = ["marketing"]\n', "cl_consent", "a consent rule binds categories"),
        ("", 'reason = "Everywhere."\n', "cl_confirmation", "a project decision needs its reason"),
        ("", 'channels = ["whatsapp", "sms"]\n', None, "channels: is missing; add it"),
        ("", 'holidays = "CL"\n', "cl_window", "the holidays of CL are not known; add holidays"),
        ("", CAP_VALUE, "cl_cap", "give both limit and period, or unlimited = true alone"),
        # Hours.
        ('["20:00-09:00"]', WINDOW_HOURS, "cl_window", "closes before it opens"),
        ('["09:00-09:00"]', WINDOW_HOURS, "cl_window", "closes before it opens"),
        ('["9-20"]', WINDOW_HOURS, "cl_window", "is not a span of hours; write it as 09:00-20:00"),
        ('["09:00-25:00"]', WINDOW_HOURS, "cl_window", "'25:00' is no time of day"),
        (
            '["09:00-15:30", "15:00-20:00"]',
            WINDOW_HOURS,
            "cl_window",
            "the hours of monday-friday overlap: one span closes at 15:30, the next opens at 15:00",
        ),
        ("[]", WINDOW_HOURS, "cl_window", "has no hours; leave a closed day out"),
        ("monday-fryday =", "monday-friday =", "cl_window", "'fryday' is not a day"),
        ("friday-monday =", "monday-friday =", "cl_window", "runs backwards"),
        (
            'friday = ["09:00-12:00"]\nmonday-friday =',
            "monday-friday =",
            "cl_window",
            "friday is named twice",
        ),
        # Numbers, durations, dates, sources.
        ('"P1M"', '"P31D"', "cl_cap", "value.period: 'P1M' is not a duration; write days as P31D"),
        ("limit = 0", "limit = 4", "cl_cap", "value.limit: input should be greater than 0"),
        ('limit = "4"', "limit = 4", "cl_cap", "value.limit: input should be a valid integer"),
        (
            "effective_from = 2022-01-01\neffective_to = 2022-01-01\n[rule.value]",
            "effective_from = 2022-01-01\n[rule.value]",
            "cl_window",
            "effective_to is not after effective_from",
        ),
        ('"page 3"', '"document A, line 21"', "cl_consent", "'page 3' names no place"),
        # Countries and languages.
        ("[countries.CX1]", "[countries.CL]", None, "'CX1' is no ISO 3166 country code"),
        ('holidays = "ZZ"', 'holidays = "CL"', None, "knows no country 'ZZ'"),
        ('language = "pt"', 'language = "es"', None, "'pt' is none of the pack's languages"),
        ('"spanish"', '["es"]', None, "languages: input should be a valid list"),
        ('["spanish"]', '["es"]', None, "'spanish' is no language tag; write it as es or pt-BR"),
        (
            'languages = ["es", "en"]',
            'languages = ["es"]',
            "cl_confirmation",
            "value.texts: no text in 'en', one of the pack's languages; add it",
        ),
        ("{name}: su", "{brand}: su", "cl_confirmation", "must hold {brand} once"),
        # Rules that contradict what the code does, or each other.
        ('"br_cap"', '"cl_cap"', "br_cap", "the id must begin with cl_ in this file"),
        ('"warn"', '"defer"', "cl_window", "a window rule cannot 'warn'; its action is defer or"),
        ('"allow"', '"defer"', "cl_window", "'allow' and a value that forbids nothing go together"),
        ('"cl_window"', '"cl_cap"', "cl_window", "the id stands twice for the same days"),
        (
            'kind = "holiday_cap"\nsummary = "Four a month."',
            'kind = "cap"\nsummary = "Four a month."',
            "cl_cap",
            "value.period: no such field",
        ),
        (
            'packs = ["CL"]\ncategories = ["marketing"]\nsource = "document A, line 21"',
            'categories = ["marketing"]\nsource = "document A, line 21"',
            "cl_consent",
            "only rules of the general file say which packs they are for",
        ),
        (
            'categories = ["public_service"]\nvalue = { limit = 4',
            'categories = ["marketing"]\nvalue = { limit = 4',
            "cl_consent",
            "add a consent rule for public_service",
        ),
    ],
)
def test_a_mistake_is_one_line_with_place_and_remedy(
    tmp_path: Path, wrong: str, right: str, place: str | None, says: str
) -> None:
    assert right in CHILE, "the case changes nothing"
    chile = CHILE.replace(right, wrong)
    with pytest.raises(PolicyError) as caught:
        load_policies(write(tmp_path, chile))
    message = str(caught.value)
    assert says in message
    assert "\n" not in message
    named = re.match(rf"{re.escape(str(tmp_path / 'cl.toml'))}:(\d+): ", message)
    assert named, message
    assert 1 <= int(named[1]) <= chile.count("\n")
    if place is not None:
        assert f"rule {place}: " in message


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("limt = 4", "limit = 4"),
        ('["20:00-09:00"]', WINDOW_HOURS),
        ('"page 3"', '"document A, line 21"'),
        ("{name}: su", "{brand}: su"),
    ],
)
def test_the_line_is_that_of_the_field(tmp_path: Path, wrong: str, right: str) -> None:
    chile = CHILE.replace(right, wrong)
    with pytest.raises(PolicyError) as caught:
        load_policies(write(tmp_path, chile))
    line = int(str(caught.value).split(":")[1])
    # The hours are checked as one table, so its header is the nearest place.
    expected = {line_of(chile, wrong)}
    if "hours" in str(caught.value):
        expected = {line_of(chile, "[rule.value.hours]")}
    assert {line} == expected


def test_text_that_is_not_toml_names_the_line(tmp_path: Path) -> None:
    chile = CHILE.replace('name = "Chile"', 'name = "Chile', 1)
    with pytest.raises(PolicyError, match=r"cl\.toml:4: this is not TOML: "):
        load_policies(write(tmp_path, chile))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "cl.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError, match="cannot be read as UTF-8 text"):
        load_policies(tmp_path)


def test_two_rules_for_one_question_may_follow_each_other_and_not_overlap(tmp_path: Path) -> None:
    second = CHILE[CHILE.index('[[rule]]\nid = "cl_cap"') :].replace("limit = 4", "limit = 2")
    later = second.replace("2022-01-01", "2027-01-01")
    with pytest.raises(PolicyError, match="the id stands twice for the same days"):
        load_policies(write(tmp_path, CHILE + later))
    with pytest.raises(PolicyError, match="cl_cap is a cap rule for marketing on the same days"):
        load_policies(write(tmp_path, CHILE + later.replace("cl_cap", "cl_cap_two")))
    ended = CHILE + "effective_to = 2027-01-01\n"
    load_policies(write(tmp_path, ended + later))


def test_a_holiday_cap_needs_a_cap_to_lower(tmp_path: Path) -> None:
    chile = CHILE.replace('kind = "cap"', 'kind = "holiday_cap"').replace(', period = "P31D"', "")
    with pytest.raises(PolicyError, match="there is no cap for it to lower; add a cap rule"):
        load_policies(write(tmp_path, chile))


def test_a_folder_without_the_general_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cl.toml").write_text(CHILE)
    with pytest.raises(PolicyError, match=r"general\.toml: is missing"):
        load_policies(tmp_path)


def test_a_pack_for_which_nothing_sets_a_deadline_is_refused(tmp_path: Path) -> None:
    general = GENERAL[: GENERAL.index("[[rule]]")]
    with pytest.raises(PolicyError, match="add opt_out_deadline"):
        load_policies(write(tmp_path, general=general))


def test_a_day_without_a_confirmation_is_refused_when_loading(tmp_path: Path) -> None:
    chile = CHILE.replace(
        'reason = "Everywhere."\n', 'reason = "Everywhere."\neffective_to = 2030-01-01\n'
    )
    with pytest.raises(PolicyError, match="add opt_out_confirmation"):
        load_policies(write(tmp_path, chile))


def test_two_packs_cannot_have_one_country(tmp_path: Path) -> None:
    write(tmp_path)
    other = CHILE.replace('code = "CL"', 'code = "AND"').replace('"cl_', '"and_')
    (tmp_path / "and.toml").write_text(other)
    with pytest.raises(PolicyError, match=r"the country CL is and\.toml's already"):
        load_policies(tmp_path)


def test_a_general_rule_cannot_name_a_pack_that_there_is_not(tmp_path: Path) -> None:
    general = GENERAL.replace("action", 'packs = ["CLL"]\naction')
    with pytest.raises(PolicyError, match="no pack 'CLL'; did you mean 'CL'"):
        load_policies(write(tmp_path, general=general))


def test_a_pack_without_a_window_is_fine(tmp_path: Path) -> None:
    start, end = CHILE.index('[[rule]]\nid = "cl_window"'), CHILE.index('[[rule]]\nid = "cl_cap"')
    load_policies(write(tmp_path, CHILE[:start] + CHILE[end:]))

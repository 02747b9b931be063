"""What is wrong in an overlay is told in one line with place and remedy."""

import re
from pathlib import Path
from shutil import copytree

import pytest

from config.policies import COUNTRIES_FOLDER, PolicyError, check_policies, load_policies

OVERLAY = """\
[overlay]
name = "quiet"
title = "Quiet evenings"
version = "1"
last_checked = 2026-11-21

[[rule]]
id = "quiet_window"
kind = "window"
summary = "Nine to six."
action = "defer"
categories = ["marketing"]
countries = ["US"]
states = ["FL"]
channels = ["sms"]
evidence = "secondary"
source = "A law of Florida"
effective_from = 2022-01-01
[rule.value.hours]
every-day = ["09:00-18:00"]

[[rule]]
id = "quiet_cap"
kind = "cap"
summary = "One a day."
action = "defer"
categories = ["marketing"]
countries = ["US", "BR"]
value = { limit = 1, period = "P1D" }
evidence = "primary"
source = "project decision"
reason = "Peace."
effective_from = 2022-01-01

[[rule]]
id = "quiet_ban"
kind = "channel_ban"
summary = "Nothing by SMS."
action = "block"
categories = ["marketing"]
countries = ["PE"]
channels = ["sms"]
evidence = "unverified"
source = "https://example.org/quiet"
effective_from = 2022-01-01

[[rule]]
id = "quiet_list"
kind = "block_list"
summary = "Who wants quiet."
action = "block"
categories = ["marketing"]
countries = ["*"]
value = { list = "quiet", after = "P30D" }
evidence = "primary"
source = "A register, page 1"
effective_from = 2022-01-01

[[rule]]
id = "quiet_quota"
kind = "quota"
summary = "Ten a day."
action = "defer"
countries = ["*"]
value = { tier = "new", limit = 10, period = "P1D" }
evidence = "primary"
source = "A register, page 1"
effective_from = 2022-01-01
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    packs = Path(copytree(COUNTRIES_FOLDER, tmp_path / "packs"))
    (packs / "overlays").mkdir()
    return packs


def write(folder: Path, text: str = OVERLAY, name: str = "quiet") -> Path:
    (folder / "overlays" / f"{name}.toml").write_text(text)
    return folder


def test_the_overlay_of_these_tests_is_sound(folder: Path) -> None:
    policies = load_policies(write(folder), overlays=["quiet"])
    (overlay,) = policies.overlays()
    assert (overlay.name, overlay.on, overlay.countries) == ("quiet", True, ("*", "BR", "PE", "US"))
    assert policies.block_lists == {"quiet"}


def test_a_folder_without_overlays_has_those_of_the_project(tmp_path: Path) -> None:
    packs = Path(copytree(COUNTRIES_FOLDER, tmp_path / "packs"))
    assert "us-states" in {overlay.name for overlay in load_policies(packs).overlays()}


@pytest.mark.parametrize(
    ("wrong", "right", "rule", "says"),
    [
        ("titel", "title", None, "titel: no such field; did you mean 'title'?"),
        ('name = "quite"', 'name = "quiet"', None, "the file is quiet.toml; write 'quiet'"),
        ("[overlays]", "[overlay]", None, "no such table; did you mean 'overlay'?"),
        ('"calm_cap"', '"quiet_cap"', "calm_cap", "the id must begin with quiet_"),
        ('"quiet_cap"', '"quiet_window"', "quiet_cap", "the id stands twice for the same days"),
        ("", 'countries = ["US"]\n', "quiet_window", "countries: is missing; add it"),
        ('["UK"]', '["US"]', "quiet_window", "'UK' is no ISO 3166 country code"),
        ('["US", "*"]', '["US", "BR"]', "quiet_cap", "'*' alone for every country"),
        ('["FLA"]', '["FL"]', "quiet_window", "US has no state 'FLA'; known are: AK, AL"),
        ('["ES"]', '["US"]', "quiet_window", "the numbers of ES do not tell a state; remove it"),
        ('"rumour"', '"secondary"', "quiet_window", "'rumour' is unknown; known are: primary"),
        ('"law"', '"A law of Florida"', "quiet_window", "'law' names no place; write a law, a pa"),
        ("", 'reason = "Peace."\n', "quiet_cap", "a project decision needs its reason"),
        ('"template"', '"channel_ban"', "quiet_ban", "an overlay holds no template rule; known"),
        (
            'evidence = "unv',
            'channels = ["sms"]\nevidence = "unv',
            "quiet_ban",
            "channels: is missing; add",
        ),
        ('states = ["FL"]\nvalue = { tier', "value = { tier", "quiet_quota", "binds all states;"),
        ('categories = ["marketing"]\nvalue = { tier', "value = { tier", "quiet_quota", "remove"),
        (
            '"allow"\ncategories = ["marketing"]\ncountries = ["US", "BR"]',
            '"defer"\ncategories = ["marketing"]\ncountries = ["US", "BR"]',
            "quiet_cap",
            "action: an overlay only narrows what a pack allows",
        ),
        ('"P32D"', '"P1D"', "quiet_cap", "'P32D' is longer than 31 days; write P31D at most"),
        ('"Quiet List", after', '"quiet", after', "quiet_list", "value.list: string should match"),
        ('"us_window_promo"', '"quiet_window"', "us_window_promo", "the id must begin with"),
    ],
)
def test_a_mistake_is_one_line_with_place_and_remedy(
    folder: Path, wrong: str, right: str, rule: str | None, says: str
) -> None:
    assert right in OVERLAY, "the case changes nothing"
    text = OVERLAY.replace(right, wrong, 1)
    with pytest.raises(PolicyError) as caught:
        load_policies(write(folder, text))
    message = str(caught.value)
    assert says in message
    assert "\n" not in message
    named = re.match(rf"{re.escape(str(folder / 'overlays' / 'quiet.toml'))}:(\d+): ", message)
    assert named, message
    if rule is not None:
        assert f"rule {rule}: " in message


def test_a_cap_that_counts_other_messages_than_the_packs_is_refused_when_switched_on(
    folder: Path,
) -> None:
    text = OVERLAY.replace(
        'categories = ["marketing"]\ncountries = ["US", "BR"]',
        'categories = ["marketing", "transactional"]\ncountries = ["US", "BR"]',
    )
    load_policies(write(folder, text))
    with pytest.raises(PolicyError, match="rule quiet_cap: categories: in BR br_freq_marketing"):
        load_policies(folder, overlays=["quiet"])
    checked, errors = check_policies(folder)
    assert checked is None
    assert len(errors) == 1


def test_holidays_that_the_pack_does_not_know_are_refused(folder: Path) -> None:
    peru = folder / "pe.toml"
    peru.write_text(peru.read_text().replace('holidays = "PE"\n', ""))
    text = OVERLAY.replace('countries = ["US"]\nstates = ["FL"]', 'countries = ["PE"]').replace(
        "[rule.value.hours]", "[rule.value]\nclosed_on_holidays = true\n[rule.value.hours]"
    )
    with pytest.raises(PolicyError, match="the holidays of PE are not known to its pack"):
        load_policies(write(folder, text), overlays=["quiet"])


def test_a_pack_holds_no_rule_that_only_an_overlay_may(folder: Path) -> None:
    peru = folder / "pe.toml"
    row = OVERLAY[OVERLAY.index('[[rule]]\nid = "quiet_list"') :]
    row = row[: row.index("\n[[rule]]", 1)].replace("quiet_list", "pe_quiet_list")
    row = row.replace('countries = ["*"]\n', "").replace('evidence = "primary"\n', "")
    peru.write_text(f"{peru.read_text()}\n{row}")
    with pytest.raises(PolicyError, match="rule pe_quiet_list: kind: only an overlay holds rules"):
        load_policies(folder)


def test_every_file_is_checked_and_its_first_error_told(folder: Path) -> None:
    write(folder, OVERLAY.replace("titel", "title").replace('["FL"]', '["FLA"]'))
    write(folder, "[overlay", name="broken")
    brazil = folder / "br.toml"
    brazil.write_text(
        brazil.read_text().replace("limit = 4,", "limt = 4,").replace("limit = 2,", "limt = 2,")
    )
    checked, errors = check_policies(folder)
    assert checked is None
    files = [Path(str(error).split(":")[0]).name for error in errors]
    assert files == ["br.toml", "broken.toml", "quiet.toml"]

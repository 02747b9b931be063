import pytest

from pipeline.providers.base import Action, Rejected
from pipeline.providers.codes import (
    CodeTable,
    judge,
    means_opt_out,
    means_violation,
)
from pipeline.providers.twilio.codes import TWILIO
from pipeline.providers.whatsapp.codes import WHATSAPP


@pytest.mark.parametrize(
    ("table", "code"),
    [(TWILIO, "21610"), (TWILIO, "30640"), (TWILIO, "63014"), (WHATSAPP, "131050")],
)
def test_codes_of_people_who_have_left(table: CodeTable, code: str) -> None:
    assert means_opt_out(table, code)


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (WHATSAPP, "21610"),  # another dialect's
        (WHATSAPP, "131026"),
        (TWILIO, "30007"),
        (TWILIO, "99999"),
        (TWILIO, "http_403"),
        (TWILIO, "٢١٦١٠"),
        (TWILIO, ""),
        (TWILIO, None),
    ],
)
def test_other_codes_say_nothing_of_the_kind(table: CodeTable, code: str | None) -> None:
    assert not means_opt_out(table, code)


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (TWILIO, "30007"),
        (TWILIO, "30034"),
        (TWILIO, "63013"),
        (WHATSAPP, "368"),
        (WHATSAPP, "131031"),
        (WHATSAPP, "131048"),
        (WHATSAPP, "132016"),
    ],
)
def test_codes_of_broken_rules_count_at_once_and_in_later_reports(
    table: CodeTable, code: str
) -> None:
    assert means_violation(table, code)
    answer = judge(table, code=int(code), status=400, detail="", attempt=1, retry_after=None)
    assert isinstance(answer, Rejected)
    assert answer.violation


@pytest.mark.parametrize(
    ("table", "code"),
    [(WHATSAPP, "30007"), (WHATSAPP, "131049"), (TWILIO, "21610"), (TWILIO, "20003"), (TWILIO, "")],
)
def test_codes_of_other_troubles_break_no_rule(table: CodeTable, code: str) -> None:
    assert not means_violation(table, code)


@pytest.mark.parametrize("table", [TWILIO, WHATSAPP])
def test_whatever_is_filtered_is_a_violation(table: CodeTable) -> None:
    filtered = [one for one in table.values() if one.action is Action.FAIL_FILTERED]
    assert all(one.violation for one in filtered)

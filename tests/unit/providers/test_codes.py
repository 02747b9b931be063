import pytest

from pipeline.providers.codes import TWILIO, WHATSAPP, CodeTable, means_opt_out


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

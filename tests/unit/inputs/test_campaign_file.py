from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.policy.vocabulary import Category, Channel
from workers.inputs.campaign_file import read_campaign
from workers.inputs.refusals import InputFileError

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GOOD = """\
[campaign]
id = "bf-2026-br"
name = "Black Friday"
business = "loja-azul"
brand = "Loja Azul"
category = "marketing"
channel = "whatsapp"
language = "pt-BR"
topic = "ofertas"
starts_at = 2026-11-23T09:00:00-03:00
expires_at = 2026-11-27T23:59:00-03:00

[campaign.content]
body = "Loja Azul: 15% para {name}, {city}. Responda SAIR, {name}."

[campaign.disclosures]
opt_out = "Responda SAIR"
"""


def test_reads_every_field(file: Callable[..., Path]) -> None:
    campaign = read_campaign(file(GOOD, "c.toml"), now=NOW)
    assert (campaign.code, campaign.category, campaign.channel) == (
        "bf-2026-br",
        Category.MARKETING,
        Channel.WHATSAPP,
    )
    assert campaign.variables == ("name", "city")
    assert campaign.expires_at == datetime(2026, 11, 28, 2, 59, tzinfo=UTC)
    assert campaign.disclosures == {"opt_out": "Responda SAIR"}


def test_what_goes_with_the_text(file: Callable[..., Path]) -> None:
    media = 'media = "https://cdn.example.com/bf.jpg"'
    text = GOOD.replace("[campaign.disclosures]", f"{media}\n\n[campaign.disclosures]")
    campaign = read_campaign(file(text, "c.toml"), now=NOW)
    assert campaign.media_url == "https://cdn.example.com/bf.jpg"


def test_makes_an_id_from_the_name_when_none_is_given(file: Callable[..., Path]) -> None:
    text = GOOD.replace('id = "bf-2026-br"\n', "").replace("Black Friday", "Promoção & Cia")
    codes = {read_campaign(file(text, "c.toml"), now=NOW).code for _ in range(2)}
    assert len(codes) == 2
    assert all(code.startswith("promocao-cia-") for code in codes)


def test_a_transactional_campaign_needs_no_end(file: Callable[..., Path]) -> None:
    text = GOOD.replace("expires_at = 2026-11-27T23:59:00-03:00\n", "")
    text = text.replace('"marketing"', '"transactional"')
    assert read_campaign(file(text, "c.toml"), now=NOW).expires_at is None


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        (
            "[campaign.content]",
            '[campaign.content]\nmedia = "http://cdn.example.com/bf.jpg"',
            14,
            "content.media is no https address",
        ),
        ("brand", "brnad", 5, "brnad is no field here; did you mean brand?"),
        ('"marketing"', '"promo"', 6, "category is 'promo', which is not one of the choices"),
        ('channel = "whatsapp"', "", 1, "channel is missing; one of: whatsapp, sms"),
        ("expires_at = 2026-11-27T23:59:00-03:00", "", 1, "expires_at is missing; marketing"),
        ("23:59:00-03:00", "23:59:00", 11, "expires_at has no offset"),
        ("2026-11-27T23:59:00-03:00", "2026-11-19T00:00:00Z", 11, "expires_at is in the past"),
        ("2026-11-27T23:59:00-03:00", "2026-11-21T00:00:00Z", 10, "starts_at is not before"),
        ("2026-11-27T23:59:00-03:00", '"soon"', 11, "expires_at is not a time"),
        ("bf-2026-br", "a b", 2, "id may hold letters"),
        ("pt-BR", "Portuguese!", 8, "language is 'Portuguese!'"),
        ('name = "Black Friday"', "name = 7", 3, "name is int, not a text"),
        ("body = ", "text = ", 14, "content.text is no field here"),
        ("{name}", "{{1}}", 14, "content.body has '{{1}}', which is no variable; write {name}"),
        ("{name}", "{ name }", 14, "content.body has '{ name }', which is no variable"),
        ("[campaign.content]\nbody", "[campaign.content]\n#", 13, "content.body is missing"),
        ("opt_out =", "optout =", 17, "disclosures.optout is no field here; did you mean opt_out?"),
        ("[campaign]", "[campaing]", 1, "campaing is not known here; use [campaign]"),
        ('brand = "Loja Azul"', "brand =", 5, "is not TOML"),
    ],
)
def test_names_file_line_field_and_remedy(
    file: Callable[..., Path], old: str, new: str, line: int, problem: str
) -> None:
    path = file(GOOD.replace(old, new, 1), "c.toml")
    with pytest.raises(InputFileError) as raised:
        read_campaign(path, now=NOW)
    assert str(raised.value).startswith(f"{path}:{line}: {problem}")

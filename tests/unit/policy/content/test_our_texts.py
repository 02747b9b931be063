"""What the demo, the benchmarks, the tests and the examples send is what the packs ask for."""

from pathlib import Path

import pytest

from benchmarks.world import BODIES, DISCLOSURES
from config.languages_file import load_languages
from config.policies import load_policies
from pipeline.policy.checks import CheckOutcome
from pipeline.policy.content.check import checks_for
from pipeline.policy.content.text import CampaignText
from pipeline.policy.rendering import variables_of
from pipeline.policy.vocabulary import Category
from tests.integration.world import CAMPAIGN, NOW, OFFERS, ORDERS
from workers.demo.plan import BRAND, PLANS
from workers.inputs.campaign_file import read_campaign

EXAMPLE = Path(__file__).parents[4] / "docs" / "examples" / "campaign.toml"
WORDS = load_languages().words
POLICIES = load_policies()
COUNTRY_OF = {"en": "US", "pt": "BR", "es": "PE"}


def _text(
    brand: str,
    language: str,
    body: str,
    disclosures: object,
    category: Category = Category.MARKETING,
) -> CampaignText:
    assert isinstance(disclosures, dict)
    return CampaignText(
        brand=brand,
        category=category,
        language=language,
        body=body,
        variables=variables_of(body),
        disclosures=tuple(sorted(disclosures.items())),
    )


def _example() -> CampaignText:
    return read_campaign(EXAMPLE, now=NOW).facts().text


TEXTS = [
    *((p.country, _text(BRAND, p.language, p.body, dict(p.disclosures))) for p in PLANS),
    *(
        (country, _text("Bench", language, body, dict(DISCLOSURES[country])))
        for country, (language, body) in BODIES.items()
    ),
    *((country, CAMPAIGN.facts().text) for country in OFFERS if country == "US"),
    *(
        (country, _text("Acme", says["language"], says["body"], {}))
        for country, says in OFFERS.items()
        if says
    ),
    *(
        (
            COUNTRY_OF[language],
            _text("Acme", language, says["body"], {}, Category.TRANSACTIONAL),
        )
        for language, says in ORDERS.items()
    ),
    ("BR", _example()),
    ("PT", _example()),
]


@pytest.mark.parametrize(("country", "text"), TEXTS)
def test_every_text_of_ours_passes(country: str, text: CampaignText) -> None:
    policy = POLICIES.for_country(country, NOW.date())
    assert policy is not None
    ready = checks_for(policy.contents[text.category], text, country, WORDS, policy.opt_out.words)
    checks = ready.check(dict.fromkeys(text.variables, "Ana"), first=True)
    warned = {check.rule for check in checks if check.outcome is not CheckOutcome.PASS}
    # Ours say one thing to everybody now and then; Peru only warns of that.
    assert warned <= {"pe_value_based"}

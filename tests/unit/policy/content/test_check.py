"""Every demand on a text, with the projects' own packs: what passes, what does not, and why."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.languages_file import load_languages
from config.policies import load_policies
from pipeline.policy.checks import Check, CheckOutcome
from pipeline.policy.content.check import TextChecks, checks_for
from pipeline.policy.content.rules import ContentRules
from pipeline.policy.content.text import CampaignText
from pipeline.policy.rendering import render, variables_of
from pipeline.policy.vocabulary import Category, Question, Reason

DAY = date(2026, 11, 23)
WORDS = load_languages().words
POLICIES = load_policies()
BLOCKING = load_policies(length_blocks=True)
PASS, WARN, BLOCK = CheckOutcome.PASS, CheckOutcome.WARN, CheckOutcome.BLOCK

US_BODY = (
    "Acme: Promotional message. 15% off all shoes until Nov 30, {name}. "
    "Reply STOP to opt out. Help: help@acme.example"
)
US_DISCLOSURES = {
    "identification": "Promotional message",
    "offer_terms": "15% off all shoes",
    "offer_expiry": "until Nov 30",
    "opt_out": "Reply STOP to opt out",
    "support": "help@acme.example",
}
BR_BODY = "Acme: {name}, 15% de desconto em toda a loja até domingo. Responda SAIR para cancelar."
US: dict[str, Any] = {"country": "US", "language": "en-US"}
BR: dict[str, Any] = {"country": "BR", "language": "pt-BR"}


def prepared(
    country: str,
    body: str,
    *,
    language: str,
    category: Category = Category.MARKETING,
    disclosures: Mapping[str, str] | None = None,
    length_blocks: bool = False,
    **text: Any,
) -> TextChecks:
    policy = (BLOCKING if length_blocks else POLICIES).for_country(country, DAY)
    assert policy is not None
    campaign = CampaignText(
        brand="Acme",
        category=category,
        language=language,
        body=body,
        variables=variables_of(body),
        disclosures=tuple(sorted((disclosures or {}).items())),
        **text,
    )
    return checks_for(policy.contents[category], campaign, country, WORDS, policy.opt_out.words)


def by_rule(
    country: str,
    body: str,
    values: Mapping[str, str] | None = None,
    *,
    first: bool | None = None,
    **more: Any,
) -> dict[str, Check]:
    checks = prepared(country, body, **more).check(values or {}, first=first)
    assert all(check.question is Question.CONTENT for check in checks)
    return {check.rule or "": check for check in checks}


def test_a_text_as_the_united_states_ask_passes_each_demand() -> None:
    checks = by_rule(body=US_BODY, values={"name": "Ana"}, disclosures=US_DISCLOSURES, **US)
    assert list(checks) == [
        "us_content_optout_instruction",
        "us_content_identification",
        "us_promo_offer_terms",
        "us_promo_expiry",
        "us_content_support_contact",
    ]
    assert {check.outcome for check in checks.values()} == {PASS}


@pytest.mark.parametrize(
    ("rule", "disclosure", "reason"),
    [
        ("us_content_optout_instruction", "opt_out", Reason.CONTENT_OPT_OUT_MISSING),
        ("us_content_identification", "identification", Reason.CONTENT_IDENTIFICATION_MISSING),
        ("us_promo_offer_terms", "offer_terms", Reason.CONTENT_OFFER_TERMS_MISSING),
        ("us_promo_expiry", "offer_expiry", Reason.CONTENT_OFFER_EXPIRY_MISSING),
        ("us_content_support_contact", "support", Reason.CONTENT_SUPPORT_MISSING),
    ],
)
def test_what_is_named_and_not_in_the_text_blocks_by_its_own_rule(
    rule: str, disclosure: str, reason: Reason
) -> None:
    body = US_BODY.replace(US_DISCLOSURES[disclosure], "…")
    checks = by_rule(body=body, values={"name": "Ana"}, disclosures=US_DISCLOSURES, **US)
    assert {name for name, check in checks.items() if check.outcome is not PASS} == {rule}
    assert (checks[rule].outcome, checks[rule].reason) == (BLOCK, reason)
    # A value may bring it in.
    body = US_BODY.replace(US_DISCLOSURES[disclosure], "{more}")
    values = {"name": "Ana", "more": US_DISCLOSURES[disclosure]}
    checks = by_rule(body=body, values=values, disclosures=US_DISCLOSURES, **US)
    assert checks[rule].outcome is PASS


@pytest.mark.parametrize("disclosure", ["offer_terms", "offer_expiry"])
def test_terms_and_expiry_must_be_named(disclosure: str) -> None:
    named = {name: text for name, text in US_DISCLOSURES.items() if name != disclosure}
    checks = by_rule(body=US_BODY, values={"name": "Ana"}, disclosures=named, **US)
    (failed,) = (check for check in checks.values() if check.outcome is BLOCK)
    assert failed.saw == {"named": False}


def test_a_disclosure_that_no_rule_asks_for_is_not_looked_for() -> None:
    checks = by_rule(body=BR_BODY, values={"name": "Ana"}, disclosures={"support": "900"}, **BR)
    assert {check.outcome for check in checks.values()} == {PASS}


@pytest.mark.parametrize(
    ("country", "language", "instruction", "understood"),
    [
        ("US", "en", "Reply STOP to opt out", True),
        ("US", "en", "reply stop to opt out", True),
        ("US", "en", 'Reply "stop" to leave', True),
        ("US", "en", "Reply 'stop' to leave", True),
        ("US", "en", "Reply 'quit' to stop", False),  # what it quotes is what it names
        ("US", "en", "Text STOPALL", False),  # the rule names STOP
        ("US", "en", "Reply QUIT to stop", False),
        ("US", "en", "Reply 2 to stop", False),
        ("US", "es", "Responda STOP para cancelar", True),
        ("US", "es", "Responda BAJA para cancelar", False),
        ("BR", "pt-BR", "Responda SAIR para cancelar", True),
        ("BR", "pt-BR", "*SAIR* para cancelar", True),
        ("BR", "pt-BR", "Para sair, responda PARAR", True),
        ("BR", "pt-BR", "Responda XYZ para cancelar", False),
        ("BR", "pt-BR", "Digite 9 para sair", False),
        ("BR", "pt-BR", "RESPONDA SAIR PARA CANCELAR", True),
        ("BR", "pt-BR", "Ligue para a nossa loja", False),
        ("PE", "es", "Responda BAJA para no recibir más", True),
        ("PE", "es", "Escriba SALIR", True),
        ("PE", "es", "Visite nuestra tienda", False),
        ("ES", "es", "Responda BAJA o llame al 900 123 456", True),
        ("DE", "de", "Antworten Sie ABMELDEN", True),
        ("DE", "de", "Antworten Sie STOPP oder STOP", True),
        ("DE", "es", "Responda BAJA", True),  # in the text's own language
        ("FR", "fr", "STOP au 36180", True),
        ("FR", "fr", "Répondez ARRÊT", True),
        ("IN", "en", "Send START DND", True),  # India's own command
        ("IN", "hi", "बंद करने के लिए “बंद” लिखें", True),
        ("IN", "en", "Reply OPT OUT", True),
        ("IN", "en", "Reply SOTP", False),  # understood from a person, no instruction
        ("PL", "pl", "Odpisz WYPISZ", True),
        ("BG", "bg", "Отговорете СТОП", True),
    ],
)
def test_an_instruction_names_a_word_that_the_lane_understands(
    country: str, language: str, instruction: str, understood: bool
) -> None:
    body = f"Acme: … {instruction}."
    checks = by_rule(country, body, language=language, disclosures={"opt_out": instruction})
    check = next(iter(checks.values()))
    assert (check.outcome is PASS) == understood
    if not understood:
        assert check.reason is Reason.CONTENT_OPT_OUT_MISSING
        assert check.saw["found"] is True


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("Acme: novedades. Responda BAJA para salir.", True),
        ('Acme: novedades. Responda "baja" para salir.', True),
        ("Acme: novedades. Responda 'baja' para salir.", True),
        ("Acme: lo mejor pa' salir y pa' dar de baja el frío.", False),
        ("Acme: novedades. Responda baja para salir.", False),
        ("Acme: todo cancelado, basta de frío. Salir es gratis.", False),
        ("ACME: BASTA DE FRÍO, TODO A MITAD DE PRECIO", False),
        ("Acme: novedades para {name}.", False),  # BAJA is what the row says, not the text
    ],
)
def test_without_a_named_instruction_only_a_marked_word_of_the_text_counts(
    body: str, found: bool
) -> None:
    checks = by_rule("PE", body, {"name": "BAJA"}, language="es-PE")
    assert (checks["pe_optout_each_message"].outcome is PASS) == found


def test_a_brand_is_no_word_by_which_people_leave() -> None:
    body = "STOP: novedades. Visite nuestra tienda."
    policy = POLICIES.for_country("PE", DAY)
    assert policy is not None
    text = CampaignText(brand="STOP", category=Category.MARKETING, language="es", body=body)
    rules = policy.contents[Category.MARKETING]
    check = checks_for(rules, text, "PE", WORDS).check({}, first=None)[0]
    assert check.reason is Reason.CONTENT_OPT_OUT_MISSING


@pytest.mark.parametrize(
    ("body", "named", "passes"),
    [
        ("Promotional message from Acme", None, True),
        ("PROMOTIONAL MESSAGE from Acme", "promotional   message", True),
        ("Acme: Msg & Data rates may apply. Hello", None, True),
        ("🎉 [Ad] Acme", None, True),
        ("Acme\N{TRADE MARK SIGN}: Msg and data rates may apply. Hello", None, True),
        ("Acme \N{EN DASH} Promo: hello", None, True),
        ("Hello! Promotional message", None, False),
        ("Hello! Promotional message", "Promotional message", False),
        ("Acme: hello. Msg & data rates may apply.", None, False),
        ("Acme: this is a promotional message", "this is a promotional message", True),
        ("Acme: dear friend", "dear friend", False),
        ("Promotional message", "Advertisement", False),  # named, and not there
        ("Promotionals", None, False),
        ("{name}: Promotional message", None, False),
        ("Ad astra, says Acme", None, False),
    ],
)
def test_advertising_says_at_its_start_what_it_is(
    body: str, named: str | None, passes: bool
) -> None:
    disclosures = {} if named is None else {"identification": named}
    checks = by_rule(body=body, values={"name": "Ana"}, disclosures=disclosures, **US)
    assert (checks["us_content_identification"].outcome is PASS) == passes


@pytest.mark.parametrize(
    ("country", "text", "named", "passes"),
    [
        ("US", "Help: help@acme.example", None, True),
        ("US", "Help: 1-800-275-2273", None, True),
        ("US", "Help: (888) 280-4331", "(888) 280-4331", True),
        ("US", "Help: 1-800-FLOWERS", None, True),
        ("US", "Help: 212-555-0100", None, False),
        ("US", "Help: help@acme", None, False),
        ("US", "Help: a..b@acme.example", None, False),
        ("US", "Help: www.acme.example", "www.acme.example", False),
        ("US", "Help: help@acme.example", "our shop", False),
    ],
)
def test_support_is_an_address_or_a_number_that_costs_nothing(
    country: str, text: str, named: str | None, passes: bool
) -> None:
    disclosures = {} if named is None else {"support": named}
    checks = by_rule(country, text, language="en", disclosures=disclosures)
    assert (checks["us_content_support_contact"].outcome is PASS) == passes


@pytest.mark.parametrize(
    ("body", "terms", "found"),
    [
        ("15% off until Friday", "15% off", True),
        ("\uff11\uff15\uff05\u3000OFF  until Friday", "15% off", True),
        ("115% off", "15% off", False),
        ("1.5% off", "5% off", False),
        ("15% offer", "15% off", False),
        ("15%\noff", "15% off", True),
        ("{percent}% off", "{percent}% off", True),
        ("{percent}% off", "{other}% off", False),
        ("{percent}5% off", "5% off", False),
        ("{terms}", "{terms}", True),
        ("{nothing}", "{nothing}", False),
    ],
)
def test_wordings_are_found_as_whole_words(body: str, terms: str, found: bool) -> None:
    values = {"percent": "20", "terms": "2 for 1", "nothing": ""}
    checks = by_rule(body=body, values=values, disclosures={"offer_terms": terms}, **US)
    assert (checks["us_promo_offer_terms"].outcome is PASS) == found


@pytest.mark.parametrize(
    ("body", "first", "outcome"),
    [
        ("Acme: novidades. Responda SAIR", True, PASS),
        ("ACME: novidades. Responda SAIR", True, PASS),
        ("Loja: novidades. Responda SAIR", True, BLOCK),
        ("Loja: novidades. Responda SAIR", None, BLOCK),
        ("Loja: novidades. Responda SAIR", False, PASS),
        ("{shop}: novidades. Responda SAIR", True, PASS),
    ],
)
def test_the_first_message_in_brazil_names_the_brand(
    body: str, first: bool | None, outcome: CheckOutcome
) -> None:
    ready = prepared(body=body, **BR)
    (check,) = (
        check
        for check in ready.check({"shop": "Acme"}, first=first)
        if check.rule == "br_first_msg_brand_and_exit"
    )
    assert check.outcome is outcome
    assert ready.needs_first == ("acme" not in body.casefold())


@pytest.mark.parametrize(
    ("body", "tags", "outcome"),
    [
        (BR_BODY, {"language": "pt-BR"}, PASS),
        (BR_BODY, {"language": "pt_BR"}, PASS),
        (BR_BODY, {"language": "pt"}, PASS),
        (BR_BODY, {"language": "pt-PT"}, WARN),
        (BR_BODY, {"language": "es"}, BLOCK),
        (BR_BODY, {"language": "pt-BR", "template_language": "en"}, BLOCK),
        (BR_BODY, {"language": "pt-BR", "template_language": "pt_BR"}, PASS),
        (BR_BODY, {"language": "pt-BR", "template_language": "pt_PT"}, WARN),
        ("Acme: 15% off everything in our shop. SAIR", {"language": "pt-BR"}, BLOCK),
        ("Acme: toda la tienda con 15% de descuento. SAIR", {"language": "pt-BR"}, BLOCK),
        ("Acme: neue Schuhe sind da, kommen Sie vorbei", {"language": "pt-BR"}, BLOCK),
        ("Acme: OK", {"language": "pt-BR"}, PASS),
        ("Acme: contacte-nos pelo telemóvel e poupe na loja", {"language": "pt-BR"}, WARN),
        ("Acme: você ganha frete grátis no celular", {"language": "pt-BR"}, PASS),
        ("{text}", {"language": "pt-BR"}, BLOCK),
    ],
)
def test_brazil_reads_brazilian_portuguese(
    body: str, tags: dict[str, Any], outcome: CheckOutcome
) -> None:
    values = {"name": "Ana", "text": "Your order has shipped and arrives tomorrow"}
    checks = by_rule("BR", body, values, **tags)
    check = checks["br_language"]
    assert check.outcome is outcome
    assert check.reason is (None if outcome is PASS else Reason.CONTENT_LANGUAGE)


def test_machine_translation_blocks_in_brazil_alone() -> None:
    checks = by_rule(body=BR_BODY, values={"name": "Ana"}, machine_translated=True, **BR)
    check = checks["br_no_machine_translation"]
    assert (check.outcome, check.reason) == (BLOCK, Reason.CONTENT_MACHINE_TRANSLATED)
    checks = by_rule("PE", "Responda BAJA.", language="es", machine_translated=True)
    assert {check.outcome for check in checks.values()} == {PASS, WARN}
    assert not any(check.stops for check in checks.values())


def test_a_templates_register_speaks_for_the_text() -> None:
    policy = POLICIES.for_country("BR", DAY)
    assert policy is not None
    text = CampaignText(brand="Acme", category=Category.MARKETING, language="pt-BR", body=GOOD)
    rules = policy.contents[Category.MARKETING]
    outcomes = []
    for following in (
        text,
        text.under("pt_BR", machine_translated=False),
        text.under("es", machine_translated=False),
        text.under("pt_BR", machine_translated=True),
        replace(text, machine_translated=True).under("pt_BR", machine_translated=False),
    ):
        checks = checks_for(rules, following, "BR", WORDS).check({}, first=True)
        outcomes.append([check.rule for check in checks if check.stops])
    language, machine = ["br_language"], ["br_no_machine_translation"]
    assert outcomes == [[], [], language, machine, machine]


@pytest.mark.parametrize(
    ("country", "category", "rule", "most"),
    [
        ("BR", Category.MARKETING, "br_length_marketing", 300),
        ("BR", Category.TRANSACTIONAL, "br_length_transactional", 160),
        ("BR", Category.PUBLIC_SERVICE, "br_length_public_service", 500),
        ("IN", Category.MARKETING, "in_template_max_len", 1000),
        ("IN", Category.TRANSACTIONAL, "in_template_max_len", 1000),
    ],
)
def test_length_is_counted_once_the_variables_are_filled_in(
    country: str, category: Category, rule: str, most: int
) -> None:
    body = "Olá {name}, {name}! ç 😀"
    at_most = "x" * ((most - len(render(body, {"name": ""}))) // 2)
    for name, fits in ((at_most, True), (at_most + "x", False)):
        for blocks in (False, True):
            more: dict[str, Any] = {"language": "pt-BR", "category": category}
            checks = by_rule(country, body, {"name": name}, length_blocks=blocks, **more)
            stopped = BLOCK if blocks or country == "IN" else WARN
            assert checks[rule].outcome is (PASS if fits else stopped)
            assert checks[rule].saw["characters"] == len(render(body, {"name": name}))


GOOD = (
    "Acme: aproveite nossas ofertas imperdíveis de eletrodomésticos e celulares, com desconto "
    "de até cinquenta por cento somente hoje na loja on-line. Responda SAIR para cancelar."
)
CAMPAIGN = (
    "Acme: campanha de vacinação contra a gripe, procure a unidade de saúde mais próxima até "
    "sexta-feira e leve o cartão do sus e um documento com foto."
)
UNACCENTED = (
    "Acme: voce tem desconto na proxima compra, nao perca essa promocao so ate amanha, responda "
    "SAIR para cancelar."
)
CLUMSY = (
    "Acme: aproveitem nosas promossões de fim de ano, compre agora e ganhe un desconto espesial "
    "em toda loja. Responda SAIR para cancelar."
)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (GOOD, PASS),
        (CAMPAIGN, PASS),
        (UNACCENTED, WARN),
        (CLUMSY, WARN),
        ("Acme: promossões. Responda SAIR.", PASS),  # too few words to tell
    ],
)
def test_wrong_words_are_warned_of(body: str, outcome: CheckOutcome) -> None:
    assert by_rule(body=body, **BR)["br_language_error_rate"].outcome is outcome


@pytest.mark.parametrize(
    ("variable", "shown"),
    [
        ("name", False),
        ("first_name", False),
        ("age", True),
        ("edad", True),
        ("birthDate", True),
        ("fecha_nacimiento", True),
        ("cidade", True),
        ("postal_code2", True),
        ("codigo_postal", True),
        ("plz", True),
        ("message", False),
        ("average", False),
        ("order_id", False),
    ],
)
def test_personal_data_that_advertising_needs_not_are_warned_of(variable: str, shown: bool) -> None:
    body = f"Acme: {{{variable}}}. Responda BAJA"
    check = by_rule("ES", body, {variable: "x"}, language="es")["eu_data_minimisation"]
    assert check.outcome is (WARN if shown else PASS)
    assert check.saw == ({"variables": [variable]} if shown else {})


@pytest.mark.parametrize(
    ("body", "impersonal", "demographic"),
    [
        ("Acme. BAJA", WARN, PASS),
        ("Acme: {name}. BAJA", PASS, PASS),
        ("Acme: {city}. BAJA", PASS, WARN),
        ("Acme: {edad} {sexo}. BAJA", PASS, WARN),
        ("Acme: {last_purchase} {city}. BAJA", PASS, PASS),
    ],
)
def test_peru_wants_messages_for_a_person_and_not_for_a_group(
    body: str, impersonal: CheckOutcome, demographic: CheckOutcome
) -> None:
    values = dict.fromkeys(variables_of(body), "x")
    checks = by_rule("PE", body, values, language="es")
    assert checks["pe_value_based"].outcome is impersonal
    assert checks["pe_segmentation_behavioural"].outcome is demographic


def test_nothing_else_is_said_of_a_text_that_lacks_a_variable() -> None:
    (check,) = prepared(body=BR_BODY, **BR).check({"other": "x"}, first=None)
    assert (check.outcome, check.reason) == (BLOCK, Reason.CONTENT_VARIABLE_MISSING)
    assert check.saw == {"missing": ["name"]}


def test_what_depends_on_nobody_is_decided_once() -> None:
    ready = prepared(body=US_BODY, disclosures=US_DISCLOSURES, **US)
    assert ready.check({"name": "Ana"}, first=True) is ready.check({"name": "Bo"}, first=False)
    again = prepared(body=US_BODY, disclosures=US_DISCLOSURES, **US)
    assert again is ready


def test_a_country_without_demands_asks_nothing() -> None:
    text = CampaignText(brand="", category=Category.MARKETING, language="en", body="x")
    assert checks_for(ContentRules(), text, "XX", WORDS).check({}, first=None) == ()


VALUES = st.text(max_size=12) | st.sampled_from(
    ["STOP", "15% off", "all shoes", "Promotional message", "help@acme.example", ".", "until"]
)


@given(st.data())
def test_what_is_decided_before_the_values_holds_for_every_value(data: st.DataObject) -> None:
    """A text with gaps gives the answer that the same text gives with its values written in."""
    pieces = [*US_DISCLOSURES.values(), "{a}", "{b}", " ", ". ", "Acme", ", ", "x", "1."]
    body = "".join(data.draw(st.lists(st.sampled_from(pieces), max_size=12)))
    values = {name: data.draw(VALUES) for name in ("a", "b")}
    filled = render(body, values)
    if variables_of(filled):
        return
    late = prepared(body=body, disclosures=US_DISCLOSURES, **US).check(values, first=None)
    early = prepared(body=filled, disclosures=US_DISCLOSURES, **US).check({}, first=None)
    assert [(one.rule, one.outcome) for one in late] == [(one.rule, one.outcome) for one in early]


def test_the_rules_of_a_category_are_its_own() -> None:
    tx = by_rule(body="Acme: your order has shipped.", category=Category.TRANSACTIONAL, **US)
    assert list(tx) == ["us_tx_no_marketing"]
    assert replace(tx["us_tx_no_marketing"], saw={}).outcome is PASS

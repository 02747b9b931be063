"""Every word of the tables does what its list says; the words that the rules name are there."""

import pytest

from pipeline.policy.replies.lexicon import LanguageTable
from pipeline.policy.replies.meaning import Intent, Match, Scope
from pipeline.policy.replies.normalise import normalise
from tests.unit.policy.replies.conftest import ON, Reader, project_languages, project_policies

TABLES = project_languages().lexicon.tables
COUNTRIES = project_languages().lexicon.countries

NAMED = {
    "en": "stop, stopall, stop all, unsubscribe, cancel, end, quit, revoke, opt out, opt-out, "
    "optout, remove, td, unsub, remove me, stop texting me, stop messaging me, do not text, "
    "no more texts, take me off your list, take me off list, leave me alone, lose my number, "
    "not interested, please opt me out",
    "es": "detener, salir, baja, darme de baja, cancelar, alto, stop, parar, "
    "no quiero más mensajes, no envíen más, no me envíen más, no escriban más, "
    "no me escriban más, ya no me envíen, quítenme de la lista, dar de baja, no molestar",
    "pt": "sair, parar, cancelar, pare, descadastrar, remover, stop, não quero, não quero mais, "
    "não quero receber, não quero mais receber, pare de mandar, pare de enviar, "
    "não me mande mais, me tire da lista, sair da lista, não perturbe, cancelar inscrição, anular",
    "gl": "sair, parar, cancelar, anular, remover",
    "fr": "stop, arret, arrêter, arrêtez, désabonner, désinscrire, ne plus recevoir, "
    "plus de messages",
    "de": "stopp, stop, abmelden, abbestellen, austragen, kündigen, keine Nachrichten mehr, "
    "bitte nicht mehr schreiben",
    "it": "stop, cancella, disiscrivi, annulla, basta, rimuovi, non voglio più messaggi, "
    "non scrivetemi più",
    "nl": "stop, afmelden, uitschrijven, geen berichten meer",
    "pl": "stop, wypisz, rezygnuję, koniec, nie chcę więcej",
    "sv": "stopp, avsluta, avregistrera",
    "da": "stop, afmeld",
    "fi": "lopeta, peru, stop",
    "ro": "stop, dezabonare",
    "hu": "stop, leiratkozás",
    "cs": "stop, odhlásit",
    "sk": "stop, odhlásiť",
    "hr": "stop, odjava",
    "sl": "stop, odjava",
    "el": "stop, διαγραφή, στοπ",
    "bg": "стоп, отписване",
    "lt": "stop, atsisakyti",
    "lv": "stop, atteikties",
    "et": "stopp, lõpeta",
    "hi": "बंद, बंद करो, बंद करें, रोकें, रोको, रुको, हटाएं, स्टॉप, मत भेजो, मैसेज मत भेजो, "
    "नहीं चाहिए, band, band karo, roko, stop karo, mat bhejo, message mat bhejo, nahi chahiye",
}
RETURNING = {
    "en": "start, unstop, subscribe",
    "es": "volver, recibir, alta",
    "pt": "voltar, receber",
    "fr": "reprendre",
    "de": "start, anmelden",
    "nl": "aanmelden",
    "hi": "शुरू",
}
ASKING = {
    "en": "help, info",
    "es": "ayuda",
    "pt": "ajuda",
    "fr": "aide",
    "de": "hilfe",
    "it": "aiuto, info",
    "pl": "pomoc",
    "hi": "मदद",
}


LANGUAGE = pytest.mark.parametrize("language", sorted(TABLES))


def home_of(language: str) -> str:
    """A country where the language is spoken, its first one where there is one."""
    first = [code for code, table in COUNTRIES.items() if table.languages[0] == language]
    return (first or [code for code, table in COUNTRIES.items() if language in table.languages])[0]


def texts(language: str, *names: str) -> list[str]:
    return [text for name in names for text in getattr(TABLES[language], name)]


@pytest.mark.parametrize("language", NAMED)
def test_the_named_words_and_phrases_leave_where_they_are_spoken(
    read: Reader, language: str
) -> None:
    for text in NAMED[language].split(", "):
        for body in (text, text.upper(), f" {text}! "):
            understood = read(body, home_of(language))
            assert (understood.intent, understood.scope) == (Intent.OPT_OUT, Scope.ALL), body


@pytest.mark.parametrize("language", RETURNING)
def test_the_named_words_of_return_are_ones(read: Reader, language: str) -> None:
    for text in RETURNING[language].split(", "):
        assert read(text.upper(), home_of(language)).intent is Intent.OPT_IN, text


@pytest.mark.parametrize("language", ASKING)
def test_the_named_words_ask_for_help(read: Reader, language: str) -> None:
    for text in ASKING[language].split(", "):
        assert read(f"{text}?", home_of(language)).intent is Intent.HELP, text
        assert read(text).intent is Intent.HELP, text


@LANGUAGE
def test_a_word_leaves_everywhere(read: Reader, language: str) -> None:
    for text in texts(language, "words"):
        for country in (None, home_of(language), "IS"):
            understood = read(text, country)
            assert understood.intent is Intent.OPT_OUT, (text, country)
            assert understood.match is Match.KEYWORD, (text, country)


@LANGUAGE
def test_a_word_that_collides_leaves_at_home_and_is_never_more_than_looked_at_elsewhere(
    read: Reader, language: str
) -> None:
    for text in texts(language, "home_words"):
        assert read(text, language=language).intent is Intent.OPT_OUT, text
        assert read(text).intent is Intent.REVIEW, text


@LANGUAGE
def test_a_phrase_leaves_anywhere_in_any_reply(read: Reader, language: str) -> None:
    for text in texts(language, "phrases", "marketing", "notifications"):
        assert read(text).intent is Intent.OPT_OUT, text
        assert read(f"Xyzzy: {text}, xyzzy 12", home_of(language)).intent is Intent.OPT_OUT, text


@LANGUAGE
def test_what_is_to_end_is_named(read: Reader, language: str) -> None:
    for text in texts(language, "marketing"):
        assert read(text).scope is Scope.MARKETING, text
    for text in texts(language, "notifications"):
        assert read(text).scope is Scope.NOTIFICATIONS, text


@LANGUAGE
def test_a_wrong_number_is_one(read: Reader, language: str) -> None:
    for text in texts(language, "wrong_number"):
        assert read(text).scope is Scope.NUMBER, text
        assert read(f"xyzzy, {text}", home_of(language)).scope is Scope.NUMBER, text


@LANGUAGE
def test_a_complaint_is_one(read: Reader, language: str) -> None:
    for text in texts(language, "complaints"):
        assert read(text, home_of(language)).intent is Intent.COMPLAINT, text


@LANGUAGE
def test_a_word_of_return_counts_letter_for_letter(read: Reader, language: str) -> None:
    for text in texts(language, "return_words", "home_return_words"):
        assert read(text, language=language).intent is Intent.OPT_IN, text
        for near in (f"{text} {text}", f"{text} please", f"x{text}", f"{text} 1", f"{text} 🛑"):
            assert read(near, language=language).intent is not Intent.OPT_IN, near


@LANGUAGE
def test_a_word_for_help_is_one(read: Reader, language: str) -> None:
    for text in texts(language, "help_words"):
        assert read(text, home_of(language)).intent is Intent.HELP, text


@LANGUAGE
def test_what_is_doubtful_is_looked_at(read: Reader, language: str) -> None:
    for text in texts(language, "doubtful"):
        assert read(text, home_of(language)).intent is Intent.REVIEW, text


@LANGUAGE
def test_what_is_harmless_ends_nothing(read: Reader, language: str) -> None:
    for text in texts(language, "harmless"):
        assert not read(f"xyzzy {text} xyzzy", language=language).leaves, text


@LANGUAGE
def test_what_a_machine_answers_is_nothing(read: Reader, language: str) -> None:
    for text in texts(language, "automatic"):
        assert read(f"{text}. Xyzzy!", home_of(language)).intent is Intent.NONE, text


@LANGUAGE
def test_other_words_are_no_wish_to_leave(read: Reader, language: str) -> None:
    for text in texts(language, "fillers", "objects", "not_typos", "yes", "everyday"):
        assert not read(text, language=language).leaves, text


@LANGUAGE
def test_a_reaction_to_a_message_is_no_reply(read: Reader, language: str) -> None:
    for expected, name in ((Intent.NONE, "reactions"), (Intent.REVIEW, "dislikes")):
        for text in texts(language, name):
            body = f"{text} “Sale! Reply STOP to opt out”"
            assert read(body, home_of(language)).intent is expected, text


@LANGUAGE
def test_the_word_that_answers_name_is_one_by_which_people_leave(
    read: Reader, language: str
) -> None:
    answers = project_languages().answers[language]
    assert read(answers.word, language=language).match is Match.KEYWORD
    for text in (answers.help, answers.help_without_contact, answers.welcome):
        shown = text.format(brand="Loja Azul", support="help@shop.example", word=answers.word)
        assert "Loja Azul" in shown
        assert answers.word in shown


@pytest.mark.parametrize("code", sorted(COUNTRIES))
def test_the_words_of_a_countrys_pack_leave_there(read: Reader, code: str) -> None:
    policy = project_policies().for_country(code, ON)
    assert policy is not None
    lexicon = project_languages().lexicon
    everyday, spoken = set[str](), set[str]()
    for language in COUNTRIES[code].languages:
        everyday |= lexicon.everyday[language]
        spoken |= {normalise(text) for text in texts(language, "words", "home_words")}
    for word in policy.opt_out.words:
        # The pack of many countries has every country's words in one list.
        foreign = normalise(word) in everyday - spoken
        assert read(word, code).intent is (Intent.REVIEW if foreign else Intent.OPT_OUT), word


def test_every_country_of_the_packs_has_its_languages() -> None:
    packs = project_policies().packs()
    assert {code for pack in packs for code in pack.countries} == set(COUNTRIES)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_table_is_filled(table: LanguageTable) -> None:
    for name in ("words", "phrases", "complaints", "wrong_number", "doubtful", "fillers", "yes"):
        assert getattr(table, name), name
    assert table.negations
    assert table.automatic
    assert table.help_words

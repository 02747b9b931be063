"""Replies as people write them: those who leave are let go, and nobody else is."""

import pytest

from pipeline.policy.replies import understand
from pipeline.policy.replies.lexicon import Lexicon
from pipeline.policy.replies.meaning import Intent, Scope, Understanding
from tests.unit.policy.replies.conftest import Reader

LEAVING = [
    ("US", "please take me off your list"),
    ("US", "stop texting me"),
    ("US", "I want to stop getting these"),
    ("US", "unsubscribe me pls"),
    ("US", "Take my number off this list please"),
    ("US", "no more texts thank you"),
    ("US", "STOP!!!! I said stop"),
    ("US", "lose my number"),
    ("US", "Do not contact me again"),
    ("US", "remove me"),
    ("US", "leave me alone"),
    ("US", "ya no me manden mensajes"),
    ("US", "UNSUBSCIBE"),
    ("US", "Opt out please"),
    ("US", "stopsms"),
    ("US", "how do i unsubscribe from this"),
    ("US", "ok stop now thanks"),
    ("US", "I don't want no more texts"),
    ("US", "plz quit texting this number"),
    ("GB", "stop"),
    (None, "stop it"),
    ("BR", "sair por favor"),
    ("BR", "Quero sair da lista"),
    ("BR", "não quero mais receber mensagens"),
    ("BR", "Me tira dessa lista por favor"),
    ("BR", "para de me mandar mensagem"),
    ("BR", "parem de encher"),
    ("BR", "pare já"),
    ("BR", "nao me mande mais mensagem"),
    ("BR", "descadastrar"),
    ("BR", "SAIRR"),
    ("BR", "cancela isso"),
    ("BR", "Cancelar"),
    ("BR", "não perturbe"),
    ("BR", "chega de propaganda"),
    ("BR", "remover meu número"),
    ("PE", "baja"),
    ("PE", "Quiero darme de baja"),
    ("PE", "ya no me envíen mensajes por favor"),
    ("PE", "no me escriban más"),
    ("PE", "quítenme de la lista"),
    ("PE", "BAJA!!!"),
    ("PE", "salir"),
    ("PE", "déjenme en paz"),
    ("PE", "no molestar"),
    ("PE", "dejen de enviarme publicidad"),
    ("ES", "dadme de baja"),
    ("ES", "no me enviéis más mensajes"),
    ("ES", "prou missatges"),
    ("ES", "baixa"),
    ("FR", "STOP svp"),
    ("FR", "désabonnez-moi"),
    ("FR", "Je ne veux plus recevoir vos sms"),
    ("FR", "arrêtez de m'envoyer des messages"),
    ("FR", "arret"),
    ("FR", "STOP au 36111"),
    ("FR", "plus de messages merci"),
    ("DE", "Bitte abmelden"),
    ("DE", "Ich möchte keine Nachrichten mehr"),
    ("DE", "Melden Sie mich bitte ab"),
    ("DE", "Stopp!"),
    ("DE", "bitte nicht mehr schreiben"),
    ("AT", "löschen Sie meine Nummer"),
    ("DE", "kündigen"),
    ("DE", "Hören Sie auf mir zu schreiben"),
    ("IT", "basta"),
    ("IT", "non voglio più messaggi"),
    ("IT", "cancellatemi"),
    ("IT", "non scrivetemi più per favore"),
    ("NL", "afmelden aub"),
    ("NL", "Ik wil geen berichten meer ontvangen"),
    ("NL", "schrijf mij uit"),
    ("PL", "wypisz mnie"),
    ("PL", "Nie chcę więcej wiadomości"),
    ("PL", "koniec"),
    ("PL", "prosze nie pisac do mnie"),
    ("SE", "Sluta skicka sms"),
    ("SE", "Avregistrera"),
    ("DK", "afmeld mig"),
    ("DK", "Stop med at sende beskeder"),
    ("NO", "meld meg av"),
    ("NO", "Stopp"),
    ("FI", "lopeta"),
    ("FI", "peru"),
    ("FI", "En halua enää viestejä"),
    ("RO", "dezabonare"),
    ("RO", "Nu mai vreau mesaje"),
    ("HU", "leiratkozás"),
    ("HU", "Ne küldjenek több üzenetet"),
    ("CZ", "odhlásit"),
    ("CZ", "Už mi nepište"),
    ("CZ", "neposílejte mi to"),
    ("SK", "odhlásiť"),
    ("HR", "odjava"),
    ("HR", "Ne šaljite mi više poruke"),
    ("SI", "odjava prosim"),
    ("GR", "διαγραφή"),
    ("GR", "ΣΤΟΠ"),
    ("GR", "Μη μου στέλνετε άλλα μηνύματα"),
    ("BG", "стоп"),
    ("BG", "Моля, не искам да получавам съобщения"),
    ("LT", "atsisakyti"),
    ("LV", "atteikties"),
    ("EE", "lõpeta"),
    ("EE", "Palun ärge saatke"),
    ("IN", "band karo"),
    ("IN", "बंद करो"),
    ("IN", "mat bhejo yaar"),
    ("IN", "message mat bhejo"),
    ("IN", "मैसेज मत भेजो"),
    ("IN", "nahi chahiye"),
    ("IN", "STOP KARO"),
    ("IN", "bhejna band kro"),
    ("IN", "band"),
    ("IS", "hætta"),
    ("MT", "ieqaf"),
    ("IE", "stad"),
    ("US", "Please remove my number from your contacts."),
    ("US", "No more marketing please and thanks"),
    ("US", "I no longer wish to receive these"),
    ("US", "quit"),
    ("US", "OPTOUT"),
    ("US", "who is this? stop texting"),
    ("US", "Stop. By the way I never liked it"),
    ("BR", "Boa tarde, não quero mais receber essas mensagens, obrigado"),
    ("BR", "por favor pare de enviar"),
    ("PE", "Por favor denme de baja de esta lista"),
    ("ES", "Quiero darme de baja de vuestra lista de SMS"),
    ("DE", "Ich widerspreche der Nutzung meiner Daten"),
    ("FR", "Bonjour, merci de ne plus m'envoyer de sms, arrêtez de m'écrire"),
    ("IN", "bhai message band karo yaar"),
    ("IN", "कृपया मैसेज बंद करें"),
    ("SE", "ta bort mitt nummer tack"),
    ("PT", "cancelar a subscrição"),
]

ORDINARY = [
    ("US", "Thanks!"),
    ("US", "What time do you open?"),
    ("US", "Is this still available?"),
    ("US", "Love it"),
    ("US", "ok"),
    ("US", "Great, see you tomorrow"),
    ("US", "Do you have size 9?"),
    ("US", "When does my package arrive?"),
    ("US", "I'll take two"),
    ("US", "shop"),
    ("US", "how much is shipping"),
    ("US", "happy thanksgiving to you too"),
    ("US", "Who is this?"),
    ("US", "lol"),
    ("US", "1"),
    ("US", "👍"),
    ("US", "😂😂"),
    ("US", "I'm on my way"),
    ("US", "wrong size, can I exchange it?"),
    ("US", "can't wait!"),
    ("US", "where's my order"),
    ("GB", "the bus stop is near your shop"),
    ("BR", "Obrigado!"),
    ("BR", "Quanto custa?"),
    ("BR", "qual o horário de funcionamento"),
    ("BR", "meu pedido chega hoje?"),
    ("BR", "bom dia"),
    ("BR", "Vocês entregam no sábado?"),
    ("BR", "vou sair agora, pode entregar amanhã?"),
    ("BR", "quanto vai sair o frete"),
    ("BR", "para o endereço novo"),
    ("BR", "td bem?"),
    ("BR", "sim"),
    ("BR", "quero comprar"),
    ("BR", "tem no tamanho M?"),
    ("BR", "adorei a promoção"),
    ("BR", "pode deixar na portaria"),
    ("BR", "o preço está muito alto"),
    ("BR", "até o fim do mês"),
    ("PE", "Gracias"),
    ("PE", "¿Cuánto cuesta?"),
    ("PE", "para mañana por favor"),
    ("PE", "el precio baja el lunes?"),
    ("PE", "¿tienen delivery?"),
    ("PE", "sí, lo quiero"),
    ("PE", "a qué hora cierran"),
    ("PE", "pagar"),
    ("PE", "Perú"),
    ("PE", "quiero saber más"),
    ("ES", "el precio está alto"),
    ("ES", "por fin llegó"),
    ("ES", "¿hasta qué hora abrís?"),
    ("FR", "Merci beaucoup"),
    ("FR", "C'est combien ?"),
    ("FR", "à quel arrêt de bus ?"),
    ("FR", "en fin de journée"),
    ("DE", "Danke schön"),
    ("DE", "Wann öffnen Sie?"),
    ("DE", "bis Ende der Woche"),
    ("DE", "Ja gerne"),
    ("DE", "Haben Sie das in Größe M?"),
    ("IT", "Grazie mille"),
    ("IT", "quanto costa?"),
    ("IT", "alla fine ho comprato"),
    ("NL", "Dank je wel"),
    ("NL", "wanneer komt mijn pakket?"),
    ("NL", "tot het einde van de week"),
    ("PL", "Dziękuję"),
    ("PL", "Kiedy dostawa?"),
    ("SE", "Fin"),
    ("DK", "Tak for det, fin"),
    ("DK", "tak"),
    ("NO", "Takk"),
    ("FI", "Kiitos"),
    ("FI", "milloin paketti tulee?"),
    ("RO", "Mulțumesc"),
    ("RO", "se pare că da"),
    ("HU", "Köszönöm"),
    ("CZ", "Děkuji"),
    ("HR", "hvala, koliko para"),
    ("SI", "roko"),
    ("GR", "Ευχαριστώ"),
    ("BG", "Благодаря"),
    ("IN", "thank you ji"),
    ("IN", "price kya hai"),
    ("IN", "dukan kab band hoti hai"),
    ("IN", "order kab aayega"),
    ("IN", "धन्यवाद"),
    ("IN", "दुकान कब बंद होती है"),
    ("IN", "haan"),
    ("LT", "Ačiū"),
    ("LV", "Paldies"),
    ("EE", "aitäh"),
    (None, "para ti"),
    (None, "How are you?"),
    ("BR", "não para de chover aqui"),
    ("PE", "voy a salir, déjelo con el portero"),
    ("ES", "¿cuándo sale mi pedido?"),
    ("DE", "Ist das Band noch lieferbar?"),
    ("FR", "Le magasin est près de l'arrêt de bus"),
    ("IT", "basta che arrivi domani"),
    ("NL", "het einde van de straat"),
    ("IN", "shop band hai kya"),
    ("FI", "Peruna on hyvä"),
    ("SE", "Det var en fin jacka"),
]

LOOKED_AT_IN_THE_US = [
    "when does the sale end?",
    "Non-stop flights to Lima?",
    "I love your end of season sale",
]


@pytest.mark.parametrize(("country", "body"), LEAVING)
def test_who_leaves_is_let_go(read: Reader, country: str | None, body: str) -> None:
    understood = read(body, country)
    assert (understood.intent, understood.scope) == (Intent.OPT_OUT, Scope.ALL)


@pytest.mark.parametrize(("country", "body"), ORDINARY)
def test_an_ordinary_reply_ends_and_holds_nothing(
    read: Reader, country: str | None, body: str
) -> None:
    assert read(body, country).intent in (Intent.NONE, Intent.HELP)


@pytest.mark.parametrize("body", LOOKED_AT_IN_THE_US)
def test_a_word_in_an_ordinary_sentence_is_looked_at_in_the_us_and_ends_nothing(
    read: Reader, body: str
) -> None:
    assert read(body, "US").intent is Intent.REVIEW
    assert read(body, "IN").intent is Intent.NONE


@pytest.mark.parametrize(
    ("body", "country", "word"),
    [
        ("stpo", None, "stop"),
        ("sotp", None, "stop"),
        ("dtop", None, "stop"),
        ("stip please", None, "stop"),
        ("stops", "US", "stop"),
        ("unsuscrib", "US", "unsuscribe"),
        ("unsubcribe", "US", "unsubscribe"),
        ("unsbscrbe", "US", None),
        ("un subscribe", "US", "unsubscribe"),
        ("cancell", "US", "cancel"),
        ("saiir", "BR", "sair"),
        ("cancwlar", "PE", "cancelar"),
        ("abmeldne", "DE", "abmelden"),
        ("stoppp", "US", "stop"),
        ("SSTTTOOOPPP", "US", "stop"),
        ("STOP36111", "FR", "stop"),
        ("ST0P", None, "stop"),
    ],
)
def test_a_slip_of_the_finger_leaves(
    read: Reader, body: str, country: str | None, word: str | None
) -> None:
    understood = read(body, country)
    assert understood.leaves == (word is not None)
    assert understood.word == word


@pytest.mark.parametrize(
    ("body", "country"),
    [
        ("shop", "US"),
        ("step", "US"),
        ("quiet", "US"),
        ("pagar", "PE"),
        ("stap", "NL"),
        ("cancer", "US"),
        ("pagar", "BR"),
        ("anmelden", "DE"),
    ],
)
def test_a_word_of_its_own_is_no_slip(read: Reader, body: str, country: str) -> None:
    assert not read(body, country).leaves


def test_a_slip_of_a_short_word_that_may_be_another_word_is_looked_at(read: Reader) -> None:
    assert read("sabr", "BR").intent is Intent.REVIEW
    assert read("sair", "BR").intent is Intent.OPT_OUT


@pytest.mark.parametrize(
    "body",
    [
        "staart",
        "strat",
        "starrt",
        "unstopp",
        "subscrib",
        "S\N{CYRILLIC CAPITAL LETTER TE}ART",
        "start please",
        "please start",
        "start now",
        "S T A R T",
    ],
)
def test_nobody_is_taken_back_by_a_guess(read: Reader, body: str) -> None:
    assert read(body, "US").intent is not Intent.OPT_IN


def test_the_countrys_own_words_count_as_whole_replies(lexicon: Lexicon) -> None:
    def said(body: str, country: str) -> Understanding:
        return understand(
            body, lexicon=lexicon, country=country, language=None, words=["Fertig!", "no va"]
        )

    assert said("FERTIG", "DE").intent is Intent.OPT_OUT
    assert said("fertig bitte", "DE").intent is Intent.OPT_OUT
    assert said("No va", "PE").language is None
    assert said("wann ist es fertig", "DE").intent is Intent.NONE

"""What the demo sends: one brand, five countries, five texts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pipeline.policy.vocabulary import Channel

START = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
"""A Sunday evening: Brazil is closed until Monday, India until its morning, the US is open."""

SPEED = 7200.0
"""Two hours a second: two days in 24 seconds."""

CLOCK_START = START - timedelta(hours=8)
"""The first process to look at the clock sets it going; the others take some seconds to get ready,
and nothing is enqueued before `START`."""

EXPIRES = START + timedelta(days=8)
"""Well after the lapse: nothing ends for want of time."""

BUSINESS = "casa-azul"
BRAND = "Casa Azul"
TOPIC = "ofertas"
PROVIDER = "sandbox"


@dataclass(frozen=True, kw_only=True, slots=True)
class CountryPlan:
    """One country's campaign.

    Attributes:
        people: how many rows its campaign gets.
        rate: messages a second that its sender may send; machine time.
        address: the sender's, as its provider knows it.
        registration: what the country asks of a sender; None: nothing.
        template_header: set where only approved templates may be sent.
        leave: what people do to leave, as the sandbox has it: a text, a button, a setting.
        failing: the provider's code for a number that cannot be reached, as its channel has it.
    """

    country: str
    name: str
    language: str
    channel: Channel
    people: int
    rate: float
    address: str
    body: str
    disclosures: Mapping[str, str]
    registration: Mapping[str, object] | None = None
    template_header: str | None = None
    leave: tuple[Mapping[str, object], ...]
    failing: int
    consent_text: str
    campaign: str = field(init=False)
    sender: str = field(init=False)

    def __post_init__(self) -> None:
        code = self.country.lower()
        object.__setattr__(self, "campaign", f"demo-{code}")
        object.__setattr__(self, "sender", f"{BUSINESS}-{code}")

    @property
    def template(self) -> str | None:
        """The id of the approved template, where there must be one."""
        return None if self.template_header is None else f"oferta_{self.country.lower()}"


def _texts(*bodies: str) -> tuple[Mapping[str, object], ...]:
    return tuple({"body": body} for body in bodies)


def _button(campaign: str, text: str) -> Mapping[str, object]:
    return {"button": {"payload": f"STOP:{campaign}", "text": text}}


SETTING: Mapping[str, object] = {"preference": "stop"}
"""The switch for marketing in the person's app."""


def _approved(kind: str, **details: object) -> dict[str, object]:
    approved_at = (START - timedelta(days=90)).isoformat()
    return {"kind": kind, "status": "approved", "approved_at": approved_at, **details}


UNREACHABLE = {Channel.SMS: 30005, Channel.WHATSAPP: 131026}
"""The provider's code for a number that has no such service."""

PLANS = (
    CountryPlan(
        country="US",
        name="United States",
        language="en-US",
        channel=Channel.SMS,
        people=500,
        rate=55.0,
        address="+12025550100",
        body=(
            "Promotional message from Casa Azul: 15% off everything until Nov 30, {name}. "
            "Reply STOP to leave. Help: help@casaazul.example. Msg & Data rates may apply."
        ),
        disclosures={
            "identification": "Promotional message",
            "offer_terms": "15% off everything",
            "offer_expiry": "until Nov 30",
            "opt_out": "Reply STOP to leave",
            "support": "help@casaazul.example",
        },
        registration=_approved(
            "10dlc", tax_id="00-0000000", industry="retail", template="Casa Azul offers"
        ),
        leave=_texts("STOP", "Stop.", "please take me off your list", '"stop"'),
        failing=UNREACHABLE[Channel.SMS],
        consent_text="I agree to receive marketing messages from Casa Azul",
    ),
    CountryPlan(
        country="BR",
        name="Brazil",
        language="pt-BR",
        channel=Channel.WHATSAPP,
        people=450,
        rate=100.0,
        address="100000000000055",
        body=(
            "Casa Azul: 15% de desconto em toda a loja até 30/11, {name}. "
            "Responda SAIR para cancelar. Ajuda: ajuda@casaazul.example"
        ),
        disclosures={
            "offer_terms": "15% de desconto",
            "offer_expiry": "até 30/11",
            "opt_out": "Responda SAIR para cancelar",
            "support": "ajuda@casaazul.example",
        },
        registration=_approved(
            "operator", cnpj="11.222.333/0001-81", template="Ofertas da Casa Azul"
        ),
        leave=(
            *_texts("SAIR", "sair por favor", "Sair 🙏"),
            _button("demo-br", "Parar promoções"),
            SETTING,
        ),
        failing=UNREACHABLE[Channel.WHATSAPP],
        consent_text="Aceito receber mensagens de marketing da Casa Azul",
    ),
    CountryPlan(
        country="IN",
        name="India",
        language="en-IN",
        channel=Channel.SMS,
        people=400,
        rate=90.0,
        address="CASAZL",
        body=(
            "CASAZL: Casa Azul gives you 15% off everything until 30 Nov, {name}. "
            "Reply STOP to unsubscribe."
        ),
        disclosures={
            "offer_terms": "15% off everything",
            "offer_expiry": "until 30 Nov",
            "opt_out": "Reply STOP to unsubscribe",
        },
        registration=_approved(
            "dlt",
            pan="AAAAA0000A",
            address_proof="demo-address",
            director_id="demo-director",
            header="CASAZL",
            number_bound=True,
        ),
        template_header="CASAZL",
        leave=_texts("STOP", "stop!"),
        failing=UNREACHABLE[Channel.SMS],
        consent_text="I agree to receive marketing messages from Casa Azul",
    ),
    CountryPlan(
        country="PE",
        name="Peru",
        language="es-PE",
        channel=Channel.WHATSAPP,
        people=330,
        rate=40.0,
        address="100000000000051",
        body=(
            "Casa Azul: 15% de descuento en toda la tienda hasta el 30/11, {name}. "
            "Responda BAJA para no recibir más. Ayuda: ayuda@casaazul.example"
        ),
        disclosures={
            "offer_terms": "15% de descuento",
            "offer_expiry": "hasta el 30/11",
            "opt_out": "Responda BAJA para no recibir más",
            "support": "ayuda@casaazul.example",
        },
        leave=_texts("BAJA", "baja.", "baja por favor"),
        failing=UNREACHABLE[Channel.WHATSAPP],
        consent_text="Acepto recibir mensajes de marketing de Casa Azul",
    ),
    CountryPlan(
        country="ES",
        name="Spain",
        language="es-ES",
        channel=Channel.WHATSAPP,
        people=320,
        rate=40.0,
        address="100000000000034",
        body=(
            "Casa Azul: 15 % de descuento en toda la tienda hasta el 30/11, {name}. "
            "Responda BAJA para no recibir más. Ayuda: ayuda@casaazul.example"
        ),
        disclosures={
            "offer_terms": "15 % de descuento",
            "offer_expiry": "hasta el 30/11",
            "opt_out": "Responda BAJA para no recibir más",
            "support": "ayuda@casaazul.example",
        },
        leave=(*_texts("BAJA", "STOP"), _button("demo-es", "Dejar de recibir promociones")),
        failing=UNREACHABLE[Channel.WHATSAPP],
        consent_text="Acepto recibir mensajes de marketing de Casa Azul",
    ),
)

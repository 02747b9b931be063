"""What a country asks of the texts of one category."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ContentRules:
    """Every demand on a text; each names its rule, and one whose rule is None is not made.

    Attributes:
        opt_out_rule: the text says how to leave, with a word that is understood.
        opt_out_words: one of these must stand in that instruction; empty: any understood word.
        identification_rule: one of the phrases in `identifications` stands in the text, at its
            start where `identification_first`.
        brand_rule: the brand stands in the text; in the first message to a person only where
            `brand_first_only`.
        offer_terms_rule, offer_expiry_rule: the text states the offer's terms, and its end.
        support_rule: the text holds a toll-free number or an e-mail address.
        promotion_rule: the text holds no promotion; `promotion_forbids` says of which sorts
            (``link``, ``discount_code``, ``offer``).
        length_rule: the text has at most `longest` characters; `length_blocks`: a longer one is
            not sent, else it is warned of.
        language_rule: the text is in one of `languages`; one of `languages_tolerated` is warned
            of. Tags as ``pt-BR``; one without a region stands for every region.
        machine_translation_rule: the text was not translated by a machine.
        error_rate_rule: at most `error_rate` percent of the words are wrong;
            `error_rate_blocks` as for the length.
        personal_data_rule: the text shows none of `personal_data` (e.g. ``age``); warned of.
        personal_rule: the text is written for its reader (it has a variable); warned of.
        demographic_rule: its audience is not chosen by demographics alone; warned of.
    """

    opt_out_rule: str | None = None
    opt_out_words: tuple[str, ...] = ()
    identification_rule: str | None = None
    identifications: tuple[str, ...] = ()
    identification_first: bool = False
    brand_rule: str | None = None
    brand_first_only: bool = False
    offer_terms_rule: str | None = None
    offer_expiry_rule: str | None = None
    support_rule: str | None = None
    promotion_rule: str | None = None
    promotion_forbids: frozenset[str] = frozenset()
    length_rule: str | None = None
    longest: int = 0
    length_blocks: bool = False
    language_rule: str | None = None
    languages: tuple[str, ...] = ()
    languages_tolerated: tuple[str, ...] = ()
    machine_translation_rule: str | None = None
    error_rate_rule: str | None = None
    error_rate: float = 0.0
    error_rate_blocks: bool = False
    personal_data_rule: str | None = None
    personal_data: tuple[str, ...] = ()
    personal_rule: str | None = None
    demographic_rule: str | None = None

"""What a language's file says about texts: promotion, regions, spelling, names of columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PromotionWords:
    """By what a text of one language is known as promotion. Everything stands as people write it.

    Attributes:
        offers: phrases that promote wherever they stand.
        goods: what is offered, e.g. ``discount``; promotion only together with an urge.
        reductions: words that, after a number, make a price lower, e.g. ``off``.
        saves: words that say the same right before one, e.g. ``save``.
        urges: what makes somebody buy, or buy soon, e.g. ``today only``.
        settled: words of a bill; what stands in one sentence with them has happened already.
        codes: what a discount code is called.
        links: words of a link's path.
    """

    offers: tuple[str, ...] = ()
    goods: tuple[str, ...] = ()
    reductions: tuple[str, ...] = ()
    saves: tuple[str, ...] = ()
    urges: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TextTable:
    """What texts of one language are read with.

    Attributes:
        promotion: None: nobody has written it down yet.
        regions: region, e.g. ``PT`` → words that only people there write.
        spelling: words that dictionaries lack.
        columns: personal datum, e.g. ``age`` → what a column that holds it is called.
    """

    promotion: PromotionWords | None = None
    regions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    spelling: tuple[str, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

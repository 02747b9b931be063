"""A campaign's text as the checks see it, and the words that it is read with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.policy.content.tables import TextTable
from pipeline.policy.replies.lexicon import Lexicon
from pipeline.policy.vocabulary import Category


@dataclass(frozen=True, kw_only=True, slots=True)
class CampaignText:
    """What a campaign says, before its variables are filled in.

    Attributes:
        brand: as it must appear in the text.
        language: the tag that the producer gave, e.g. ``pt-BR``.
        body: with variables as ``{name}``.
        variables: their names.
        disclosures: (name, what the text states verbatim), e.g. ``("opt_out", "Reply STOP")``.
        machine_translated: as the producer or the template's register says.
        template_language: the tag of the template that it follows; empty: none is known.
    """

    brand: str
    category: Category
    language: str
    body: str
    variables: tuple[str, ...] = ()
    disclosures: tuple[tuple[str, str], ...] = ()
    machine_translated: bool = False
    template_language: str = ""

    def disclosure(self, name: str) -> str | None:
        """What the text states of that name; None: nothing was named."""
        return dict(self.disclosures).get(name)

    def under(self, language: str, *, machine_translated: bool) -> "CampaignText":
        """The text with what the register says of the template that it follows."""
        return replace(
            self,
            template_language=language,
            machine_translated=self.machine_translated or machine_translated,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Wordbook:
    """The words of every language that texts are read with; one a process, compared by identity.

    Attributes:
        lexicon: what the opt-out lane understands replies by.
        texts: language → what its texts are read with, the likeliest first.
    """

    lexicon: Lexicon
    texts: Mapping[str, TextTable]

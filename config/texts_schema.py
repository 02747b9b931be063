"""The shape of what a language's file says about the texts of campaigns."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.policy.content.tables import PromotionWords, TextTable
from pipeline.policy.replies.normalise import normalise


def _is_said(text: str) -> str:
    if not normalise(text):
        raise ValueError(f"{text!r} holds no letter or digit; remove it")
    return text


Written = Annotated[str, Field(min_length=1, max_length=120)]
Region = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class _Lists(BaseModel):
    """A table of lists; in each of them nothing stands twice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*")
    @classmethod
    def _are_said_once(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        seen: set[str] = set()
        for text in map(_is_said, texts):
            if text.casefold() in seen:
                raise ValueError(f"{text!r} stands twice; remove one")
            seen.add(text.casefold())
        return texts


class Promotion(_Lists):
    """``[promotion]``: by what a text is known as promotion; see `PromotionWords`."""

    offers: tuple[Written, ...] = ()
    goods: tuple[Written, ...] = ()
    reductions: tuple[Written, ...] = ()
    saves: tuple[Written, ...] = ()
    urges: tuple[Written, ...] = ()
    settled: tuple[Written, ...] = ()
    codes: tuple[Written, ...] = ()
    links: tuple[Written, ...] = ()

    def as_words(self) -> PromotionWords:
        """The words as the checks see them."""
        return PromotionWords(**self.model_dump())


class Columns(_Lists):
    """``[columns]``: what columns are called that hold such a personal datum, without accents."""

    age: tuple[Written, ...] = ()
    location: tuple[Written, ...] = ()
    postal_address: tuple[Written, ...] = ()
    demographics: tuple[Written, ...] = ()


class Spelling(_Lists):
    """``[spelling]``: right words that the dictionary lacks."""

    words: tuple[Written, ...] = ()


class TextEntry(BaseModel):
    """The tables about texts; each may be missing.

    Attributes:
        regions: region → words that only people there write.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    promotion: Promotion | None = None
    regions: dict[Region, tuple[Written, ...]] = {}
    spelling: Spelling = Spelling()
    columns: Columns = Columns()

    def as_text_table(self) -> TextTable:
        """What texts are read with."""
        return TextTable(
            promotion=None if self.promotion is None else self.promotion.as_words(),
            regions=dict(self.regions),
            spelling=self.spelling.words,
            columns=self.columns.model_dump(),
        )

"""The shape of a pack's file, apart from the values of its rules."""

import re
from datetime import date
from typing import Annotated, Self

import phonenumbers
from holidays.registry import COUNTRIES
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from config.packs.errors import near
from config.packs.kinds import KINDS, Action
from config.packs.values import AnyChannel, Text
from pipeline.policy.vocabulary import Category

PROJECT_DECISION = "project decision"
_NUMBERS = r"\d+(?: to \d+)?"
_PLACE = rf"document [AB], lines? {_NUMBERS}(?:, {_NUMBERS})*(?: and {_NUMBERS})?"
_SOURCE = re.compile(rf"{_PLACE}(?:; {_PLACE})*")
_PUBLIC_REFERENCE = re.compile(r"(?!document )(?=.*(\d|://)).{10,}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_HOLIDAY_COUNTRIES = frozenset(
    code for _, *codes in COUNTRIES.values() for code in codes if len(code) == len("XX")
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _checked_language(language: str) -> str:
    if not _LANGUAGE.fullmatch(language):
        raise ValueError(f"{language!r} is no language tag; write it as es or pt-BR")
    return language


class PackHead(_Strict):
    """``[pack]``: what the file is.

    Attributes:
        code: ``BR``; the ids of its rules begin with it, in lower case.
        version: the pack's own, for people; decisions carry a hash of the content besides.
        last_checked: when somebody last compared it with its sources.
        channels: the channels on which the pack lets anything be sent.
        languages: those in which an opt-out is confirmed.
    """

    code: Annotated[str, Field(pattern=r"^[A-Z]{2,8}$")]
    name: Text
    version: Text
    last_checked: date
    channels: Annotated[list[AnyChannel], Field(min_length=1)] = []
    languages: list[str] = []

    @field_validator("languages")
    @classmethod
    def _are_languages(cls, languages: list[str]) -> list[str]:
        return [_checked_language(language) for language in languages]


class PackCountry(_Strict):
    """``[countries.XX]``: a country that the pack applies to.

    Attributes:
        language: the one in which an opt-out is confirmed when the person's is unknown.
        holidays: the country's code in the ``holidays`` package.
    """

    name: Text
    language: str
    holidays: str | None = None

    @field_validator("language")
    @classmethod
    def _is_language(cls, language: str) -> str:
        return _checked_language(language)

    @field_validator("holidays")
    @classmethod
    def _has_holidays(cls, code: str | None) -> str | None:
        if code is not None and code not in _HOLIDAY_COUNTRIES:
            raise ValueError(f"the holidays package knows no country {code!r}; correct the code")
        return code


def is_country(code: str) -> bool:
    """Whether it is an ISO 3166 code of a country that has telephone numbers."""
    return code in phonenumbers.SUPPORTED_REGIONS


class PackRule(_Strict):
    """``[[rule]]``: one row.

    Attributes:
        categories: the categories it binds; None: every one.
        packs: in the general file, the packs it applies to; None: every one.
        reason: why the project chose the value; asked for where the source is a project
            decision.
    """

    id: Annotated[str, Field(pattern=r"^[a-z]+(_[a-z0-9]+)+$")]
    kind: str
    summary: Text
    action: Action
    categories: Annotated[list[Annotated[Category, Field(strict=False)]], Field(min_length=1)] | (
        None
    ) = None
    packs: Annotated[list[str], Field(min_length=1)] | None = None
    value: dict[str, object] = {}
    source: str
    phrase: str = ""
    reason: str = ""
    effective_from: date
    effective_to: date | None = None

    @field_validator("kind")
    @classmethod
    def _is_kind(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of rule; {near(kind, KINDS)}")
        return kind

    @field_validator("source")
    @classmethod
    def _is_source(cls, source: str) -> str:
        known = (_SOURCE.fullmatch(source), _PUBLIC_REFERENCE.fullmatch(source))
        if source != PROJECT_DECISION and not any(known):
            raise ValueError(
                f"{source!r} names no place; write 'document B, lines 75 and 90', a law with its "
                f"number and article, or '{PROJECT_DECISION}'"
            )
        return source

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        actions = KINDS[self.kind].actions
        if self.action not in actions:
            raise ValueError(
                f"a {self.kind} rule cannot {self.action!r}; its action is {' or '.join(actions)}"
            )
        if KINDS[self.kind].one_per == "category" and self.categories is None:
            raise ValueError(f"a {self.kind} rule binds categories; add categories = [...]")
        if self.source == PROJECT_DECISION and not self.reason:
            raise ValueError('a project decision needs its reason; add reason = "..."')
        if self.effective_to is not None and self.effective_to <= self.effective_from:
            raise ValueError("effective_to is not after effective_from; it is the first day off")
        return self

"""The shape of a language's file, and of the file of countries."""

import re
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from config.texts_schema import TextEntry
from pipeline.policy.replies.lexicon import AnswerTexts, CountryTable, LanguageTable
from pipeline.policy.replies.meaning import Intent
from pipeline.policy.replies.normalise import normalise

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

LONGEST_ANSWER = 300
"""Characters of an answer before its variables are filled in: two text messages."""


def _is_said(text: str) -> str:
    if not normalise(text):
        raise ValueError(f"{text!r} holds no letter or digit; remove it")
    return text


def _is_phrase(text: str) -> str:
    if " " not in normalise(text):
        raise ValueError(f"{text!r} is one word; a phrase has two or more, so put it among words")
    return text


Said = Annotated[str, Field(min_length=1, max_length=120)]
Words = tuple[Said, ...]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _SaidTexts(_Strict):
    """A table whose lists hold what people write."""

    @field_validator("*")
    @classmethod
    def _are_said(cls, texts: object) -> object:
        if isinstance(texts, tuple):
            for text in texts:
                _is_said(text)
        return texts


class Leave(_SaidTexts):
    """``[leave]``: by which people leave.

    Attributes:
        vendor: words that a regulator or a messaging vendor names; they count everywhere.
        words: others, derived from these or from what people write; they count everywhere.
        home_words: words that mean something else in another language.
        alone: those of all three that count only when the reply is nothing else.
    """

    vendor: Words = ()
    words: Words = ()
    home_words: Words = ()
    alone: Words = ()
    phrases: Words = ()
    marketing: Words = ()
    notifications: Words = ()
    wrong_number: Words = ()
    complaints: Words = ()

    @field_validator("phrases", "marketing", "notifications", "wrong_number")
    @classmethod
    def _are_phrases(cls, texts: Words) -> Words:
        for text in texts:
            _is_phrase(text)
        return texts


class Return(_SaidTexts):
    """``[return]``: by which people come back; matched letter for letter only."""

    vendor: Words = ()
    words: Words = ()
    home_words: Words = ()
    yes: Words = ()


class Help(_SaidTexts):
    """``[help]``: by which people ask who writes."""

    vendor: Words = ()
    words: Words = ()


class Doubt(_SaidTexts):
    """``[doubt]``: what keeps a word from being a wish to leave.

    Attributes:
        everyday_all_the_same: everyday words by which people leave in another language
            everywhere, by a vendor's list; here a person decides.
    """

    doubtful: Words = ()
    harmless: Words = ()
    everyday: Words = ()
    everyday_all_the_same: Words = ()
    not_typos: Words = ()
    objects: Words = ()
    negations: Words = ()
    negations_after: Words = ()

    @field_validator("harmless")
    @classmethod
    def _are_phrases(cls, texts: Words) -> Words:
        for text in texts:
            _is_phrase(text)
        return texts


class Speech(_SaidTexts):
    """``[speech]``: what stands around the words."""

    fillers: Words = ()
    automatic: Words = ()
    reactions: Words = ()
    dislikes: Words = ()


class Answers(_Strict):
    """``[answers]``: what the lane answers, with ``{brand}``, ``{support}`` and ``{word}``."""

    word: Said
    help: str
    help_without_contact: str
    welcome: str

    @model_validator(mode="after")
    def _hold_their_variables(self) -> Self:
        asked = {
            "help": ["brand", "support", "word"],
            "help_without_contact": ["brand", "word"],
            "welcome": ["brand", "word"],
        }
        for name, variables in asked.items():
            text = getattr(self, name)
            if sorted(_PLACEHOLDER.findall(text)) != variables:
                listed = ", ".join(f"{{{variable}}}" for variable in variables)
                raise ValueError(f"{name} must hold {listed}, each once, and no other variable")
            if len(text) > LONGEST_ANSWER:
                raise ValueError(f"{name} has {len(text)} characters; at most {LONGEST_ANSWER} fit")
        return self


class LanguageEntry(TextEntry):
    """A language's file.

    Attributes:
        language: its tag, as in the file's name.
        name: in English, for people.
    """

    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
    name: Said
    leave: Leave
    return_: Annotated[Return, Field(alias="return")] = Return()
    help: Help = Help()
    doubt: Doubt = Doubt()
    speech: Speech = Speech()
    answers: Answers

    @model_validator(mode="after")
    def _answers_name_a_word(self) -> Self:
        word = normalise(self.answers.word)
        leave = self.leave
        if word not in map(normalise, (*leave.vendor, *leave.words, *leave.home_words)):
            raise ValueError(
                f"people are told to leave by {self.answers.word!r}, which is not among the words "
                "of [leave]; add it there"
            )
        return self

    def everyday_all_the_same(self) -> frozenset[str]:
        """Words that other languages may claim although they are everyday ones in this one."""
        return frozenset(map(normalise, self.doubt.everyday_all_the_same))

    def answer_texts(self) -> AnswerTexts:
        """What the lane answers."""
        return AnswerTexts(
            help=self.answers.help,
            help_without_contact=self.answers.help_without_contact,
            welcome=self.answers.welcome,
            word=self.answers.word,
        )

    def as_table(self) -> LanguageTable:
        """What replies are understood by."""
        leave, come_back, doubt, speech = self.leave, self.return_, self.doubt, self.speech
        return LanguageTable(
            language=self.language,
            words=(*leave.vendor, *leave.words),
            home_words=leave.home_words,
            alone=leave.alone,
            phrases=leave.phrases,
            marketing=leave.marketing,
            notifications=leave.notifications,
            wrong_number=leave.wrong_number,
            complaints=leave.complaints,
            return_words=(*come_back.vendor, *come_back.words),
            home_return_words=come_back.home_words,
            yes=come_back.yes,
            help_words=(*self.help.vendor, *self.help.words),
            doubtful=doubt.doubtful,
            harmless=doubt.harmless,
            everyday=(*doubt.everyday, *doubt.everyday_all_the_same),
            not_typos=doubt.not_typos,
            objects=doubt.objects,
            fillers=speech.fillers,
            negations=doubt.negations,
            negations_after=doubt.negations_after,
            automatic=speech.automatic,
            reactions=speech.reactions,
            dislikes=speech.dislikes,
        )


class CountryEntry(_Strict):
    """``[US]``: how replies from a country are read.

    Attributes:
        languages: spoken there, the likeliest first.
        reasonable_person: whether a word by which people leave counts inside a sentence too.
        commands: whole replies that mean something of their own there.
    """

    languages: Annotated[tuple[str, ...], Field(min_length=1)]
    reasonable_person: bool = False
    commands: dict[str, Intent] = {}

    @field_validator("commands")
    @classmethod
    def _opt_nobody_in(cls, commands: dict[str, Intent]) -> dict[str, Intent]:
        for text, intent in commands.items():
            if intent not in (Intent.OPT_OUT, Intent.REVIEW):
                raise ValueError(f"{text!r} cannot mean {intent}; write opt_out or review")
        return commands

    def as_table(self) -> CountryTable:
        """The same for the decision."""
        return CountryTable(
            languages=self.languages,
            in_a_sentence=Intent.OPT_OUT if self.reasonable_person else Intent.REVIEW,
            commands={normalise(text): intent for text, intent in self.commands.items()},
        )

"""Whether a text is an instance of the template that was registered for it."""

from collections.abc import Mapping, Sequence

from pipeline.policy.rendering import VARIABLE, render

MOST_TRIES = 2_000
"""Readings of one text that are tried where a template repeats a variable. Finding one can take
exponentially many; a text that has not been read by then counts as none."""

MOST_PLACES = 100
"""A template that repeats a variable and has more places than this is followed only in place."""


class TemplateText:
    """A campaign's body beside the template that it says it follows.

    What stands between the variables must be there to the letter, apart from runs of white
    space, which count as one space. A variable stands for at least one character, and for the
    same ones wherever it is repeated.

    Args:
        template: the registered body, with variables as ``{name}``.
        body: the campaign's, with its own variables.
    """

    def __init__(self, template: str, body: str) -> None:
        self._pattern = _Pattern(template)
        self._body = body
        own = _Pattern(body)
        # Most campaigns say what was registered, perhaps with names of their own for its
        # variables: then nothing is left to look for but that each value is there.
        self._in_place = own.fixed == self._pattern.fixed
        self._names = tuple(dict.fromkeys(own.names))
        self._equal = _joined(self._pattern.names, own.names) if self._in_place else ()
        self._always = None if own.names else self._pattern.reads(_squeeze(body))

    def matches(self, values: Mapping[str, str]) -> bool:
        """Whether the body, filled in with a recipient's values, is an instance of the template.

        Raises:
            KeyError: a value is missing.
        """
        if self._always is not None:
            return self._always
        if self._in_place and self._values_fit(values):
            return True
        return self._pattern.reads(_squeeze(render(self._body, values)))

    def _values_fit(self, values: Mapping[str, str]) -> bool:
        return all(values[name].strip() for name in self._names) and all(
            len({_squeeze(values[name]) for name in names}) == 1 for names in self._equal
        )


class _Pattern:
    """A template taken apart: `fixed` stands before, between and after the `names`."""

    def __init__(self, template: str) -> None:
        pieces = VARIABLE.split(_squeeze(template))
        self.fixed: Sequence[str] = tuple(pieces[::2])
        self.names: Sequence[str] = tuple(pieces[1::2])
        self._repeats = len(set(self.names)) < len(self.names)

    def reads(self, text: str) -> bool:
        """Whether the text, its white space squeezed, is an instance."""
        if not self.names:
            return text == self.fixed[0]
        if not self._may_read(text):
            return False
        return not self._repeats or (
            len(self.names) <= MOST_PLACES and _Reading(self, text).found()
        )

    def _may_read(self, text: str) -> bool:
        """Whether it is one if no variable had to be the same twice; in one pass.

        Each part is taken where it first occurs: that leaves the most room for what follows.
        """
        first, *between, last = self.fixed
        if not (text.startswith(first) and text.endswith(last)):
            return False
        at, end = len(first), len(text) - len(last)
        for part in between:
            found = text.find(part, at + 1, end)
            if found < 0:
                return False
            at = found + len(part)
        return at + 1 <= end


class _Reading:
    """One search for values under which a text is an instance of a template that repeats itself."""

    def __init__(self, pattern: _Pattern, text: str) -> None:
        self._pattern = pattern
        self._text = text
        self._tries = MOST_TRIES
        self._values: dict[str, str] = {}

    def found(self) -> bool:
        """Whether there are such values."""
        return self._from(0, 0)

    def _from(self, place: int, at: int) -> bool:
        """Whether the text from `at` on reads as the template does from its part `place` on."""
        fixed, names, text = self._pattern.fixed, self._pattern.names, self._text
        self._tries -= 1
        if self._tries < 0 or not text.startswith(fixed[place], at):
            return False
        at += len(fixed[place])
        if place == len(names):
            return at == len(text)
        name = names[place]
        known = self._values.get(name)
        if known is not None:
            return text.startswith(known, at) and self._from(place + 1, at + len(known))
        end = text.find(fixed[place + 1], at + 1)
        while end >= 0 and self._tries > 0:
            self._values[name] = text[at:end]
            if self._from(place + 1, end):
                return True
            end = text.find(fixed[place + 1], end + 1)
        self._values.pop(name, None)
        return False


def _joined(names: Sequence[str], own: Sequence[str]) -> tuple[frozenset[str], ...]:
    """Which of the body's variables stand in the places of one variable of the template."""
    places: dict[str, set[str]] = {}
    for name, one in zip(names, own, strict=True):
        places.setdefault(name, set()).add(one)
    return tuple(frozenset(found) for found in places.values() if len(found) > 1)


def _squeeze(text: str) -> str:
    return " ".join(text.split())

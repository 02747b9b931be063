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


class TemplateParameters:
    """The values of a template's variables, as a campaign's body fills them in.

    What the body says itself in their places is found once; only where the template's words could
    end inside a value is each rendered text read by itself.

    Args:
        template: the registered body, with variables as ``{name}``.
        body: the campaign's, with its own variables.

    Attributes:
        names: the template's variables, each once, in the order of their first places.
    """

    def __init__(self, template: str, body: str) -> None:
        self._pattern = _Pattern(template)
        self._body = body
        self.names = tuple(dict.fromkeys(self._pattern.names))
        self._parts = self._find_parts(body)

    def values(self, recipient: Mapping[str, str]) -> tuple[str, ...]:
        """One value for each of `names`, with runs of white space as one space.

        Raises:
            KeyError: the recipient lacks a value.
            ValueError: the body, filled in, is no instance of the template.
        """
        if self._parts is not None:
            return tuple(_squeeze(render(part, recipient)) for part in self._parts)
        found = self._pattern.values_in(_squeeze(render(self._body, recipient)))
        if found is None:
            raise ValueError("the text is no instance of its template")
        return tuple(found[name] for name in self.names)

    def _find_parts(self, body: str) -> tuple[str, ...] | None:
        """The body's own words and variables in the template's places; None: they differ."""
        own = _Pattern(body)
        if own.fixed == self._pattern.fixed:
            placed = dict(zip(reversed(self._pattern.names), reversed(own.names), strict=True))
            return tuple(f"{{{placed[name]}}}" for name in self.names)
        found = self._pattern.values_in(_squeeze(body))
        if found is None:
            return None
        parts = tuple(found[name] for name in self.names)
        places = [found[name] for name in self._pattern.names]
        # A variable of the body that was cut in two, or is the template's own text, tells nothing.
        whole = [name for part in places for name in VARIABLE.findall(part)] == list(own.names)
        return parts if whole else None


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

    def values_in(self, text: str) -> dict[str, str] | None:
        """The values under which the text, its white space squeezed, is an instance."""
        if not self.names or not self._may_read(text):
            return {} if not self.names and text == self.fixed[0] else None
        if self._repeats:
            reading = _Reading(self, text)
            return reading.values if len(self.names) <= MOST_PLACES and reading.found() else None
        values: dict[str, str] = {}
        at, end = len(self.fixed[0]), len(text) - len(self.fixed[-1])
        for name, part in zip(self.names, self.fixed[1:-1], strict=False):
            until = text.find(part, at + 1, end)
            values[name] = text[at:until]
            at = until + len(part)
        values[self.names[-1]] = text[at:end]
        return values

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
        self.values: dict[str, str] = {}

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
        known = self.values.get(name)
        if known is not None:
            return text.startswith(known, at) and self._from(place + 1, at + len(known))
        end = text.find(fixed[place + 1], at + 1)
        while end >= 0 and self._tries > 0:
            self.values[name] = text[at:end]
            if self._from(place + 1, end):
                return True
            end = text.find(fixed[place + 1], end + 1)
        self.values.pop(name, None)
        return False


def _joined(names: Sequence[str], own: Sequence[str]) -> tuple[frozenset[str], ...]:
    """Which of the body's variables stand in the places of one variable of the template."""
    places: dict[str, set[str]] = {}
    for name, one in zip(names, own, strict=True):
        places.setdefault(name, set()).add(one)
    return tuple(frozenset(found) for found in places.values() if len(found) > 1)


def _squeeze(text: str) -> str:
    return " ".join(text.split())

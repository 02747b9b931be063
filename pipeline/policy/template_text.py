"""Whether a text is an instance of the template that was registered for it."""

from collections.abc import Mapping

from pipeline.policy.rendering import render


class TemplateText:
    """A campaign's body beside the template that it says it follows.

    Args:
        template: the registered body, with variables as ``{name}``.
        body: the campaign's, with its own variables.
    """

    def __init__(self, template: str, body: str) -> None:
        self._template = template
        self._body = body

    def matches(self, values: Mapping[str, str]) -> bool:
        """Whether the body, filled in with a recipient's values, is an instance of the template."""
        return self._template == self._body or render(self._body, values) == self._template

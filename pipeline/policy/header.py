"""Whether a message shows the header under which its business is registered (India)."""

import re
from collections.abc import Iterator

from pipeline.policy.checks import Check, blocked, passed
from pipeline.policy.rendering import VARIABLE
from pipeline.policy.sender import SenderFacts
from pipeline.policy.sender_rules import HeaderRule
from pipeline.policy.template import TemplateFacts
from pipeline.policy.vocabulary import Question, Reason


def check_header(
    required: HeaderRule | None,
    sender: SenderFacts | None,
    template: TemplateFacts | None,
    body: str,
) -> Iterator[Check]:
    """Whether the registered header has its length, and whoever reads the message sees it.

    It may be what the message comes from, the template's header, or stand in the fixed text. A
    registration without a header is the registration's own fault, and is not told again here.

    Args:
        required: None: the country asks for no header.
        body: the campaign's, with its variables.
    """
    if required is None or sender is None or sender.registration is None:
        return
    header = str(sender.registration.fields.get("header") or "").strip()
    if not header:
        return
    if not (header.isascii() and header.isalnum() and len(header) == required.characters):
        reason = Reason.SENDER_UNREGISTERED
        yield blocked(Question.SENDER, required.rule, reason, wrong=["header"])
        return
    shown_in = {
        "sender": sender.address,
        "template": "" if template is None else template.header,
        "text": VARIABLE.sub("{}", body),
    }
    word = re.compile(rf"(?<!\w){header}(?!\w)", re.IGNORECASE)
    for place, text in shown_in.items():
        if word.search(text):
            yield passed(Question.SENDER, required.rule, shown_in=place)
            return
    reason = Reason.CONTENT_IDENTIFICATION_MISSING
    yield blocked(Question.SENDER, required.rule, reason, shown_in=None)

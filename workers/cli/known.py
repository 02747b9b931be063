"""What a command is given the id of: a misspelt one is told, with what may have been meant."""

from pipeline.store import campaigns, senders
from pipeline.store.campaigns import Campaign
from pipeline.store.senders import Sender
from workers.cli.output import UNUSABLE, CommandError
from workers.inputs.refusals import near_name
from workers.runtime import Runtime


def known_campaign(runtime: Runtime, code: str) -> Campaign:
    """The campaign with that id.

    Raises:
        CommandError: there is none.
    """
    with runtime.transaction() as connection:
        found = campaigns.by_codes(connection, [code]).get(code)
        if found is not None:
            return found
        known = [campaign.code for campaign in campaigns.every(connection)][:20]
    hint = near_name(code, known) if known else "there is none yet"
    raise CommandError(f"no campaign has the id {code!r}; {hint}", exit_code=UNUSABLE)


def known_sender(runtime: Runtime, code: str) -> Sender:
    """The sender with that id.

    Raises:
        CommandError: there is none.
    """
    with runtime.transaction() as connection:
        known = {sender.code: sender for sender in senders.select_senders(connection)}
    if code in known:
        return known[code]
    hint = near_name(code, known) if known else "there is none yet"
    raise CommandError(f"no sender has the id {code!r}; {hint}", exit_code=UNUSABLE)

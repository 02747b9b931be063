"""An id for what people write: an SMSC gives none, and brings again what it had no answer to.

The id says who wrote to which address, when it came, and what it said. A message that comes again
gets the id that it had, and so counts once. What comes again looks like what somebody says twice,
and the two must not be confused where it matters:

- it is the same message when it says what the last one of this person said, and that came in the
  last minutes: taken twice or once, STOP, STOP leaves the person out;
- STOP, START, STOP are three messages: the last one says something else than the one before it;
- an opt-in that was heard in the last minutes is not heard again, whatever came between: START,
  STOP and then a START that is only brought again must not let anything through to somebody who
  has left. Who means it can say so again a little later.
"""

from collections import OrderedDict

from pipeline.policy.replies.meaning import Intent
from pipeline.providers.smpp.inbound import Fingerprint
from workers.clock import machine_now
from workers.smpp.lookups import Lookups

REPEAT_SECONDS = 300.0
"""SMSCs that had no answer try again within seconds, or when the connection is back."""

_MOST_REMEMBERED = 10_000


class ReplyIds:
    """Gives ids to the replies of one account; two processes agree through the database."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        # What was given and may not be stored yet.
        self._given: OrderedDict[str, str] = OrderedDict()

    async def id_for(self, mark: Fingerprint) -> str:
        """The id of a message; the one that it had, if it has come before."""
        now = machine_now().timestamp()
        since = f"{mark.pair}{_instant(now - REPEAT_SECONDS)}"
        # No hexadecimal digit comes after this letter.
        found = await self._lookups.earlier.get((since, f"{mark.pair}g")) or []
        given = self._given.get(mark.pair, "")
        known = {row.provider_id for row in found} | ({given} if given >= since else set())
        if known and (latest := max(known)).endswith(mark.content):
            return latest
        for row in found:
            if row.intent == Intent.OPT_IN and row.provider_id.endswith(mark.content):
                return row.provider_id
        return self._give(mark, now)

    def _give(self, mark: Fingerprint, now: float) -> str:
        given = f"{mark.pair}{_instant(now)}{mark.content}"
        self._given[mark.pair] = given
        self._given.move_to_end(mark.pair)
        if len(self._given) > _MOST_REMEMBERED:
            self._given.popitem(last=False)
        return given


def _instant(seconds: float) -> str:
    """Milliseconds since 1970, in twelve hexadecimal digits, which sort as the instants do."""
    return f"{int(seconds * 1000):012x}"

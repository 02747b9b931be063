"""`recado smpp`: what SMSCs deliver, taken in as the webhooks take what others bring.

A deliver_sm is answered with OK once what it says is committed, and not before; anything else has
the SMSC bring it again.
"""

from workers.smpp.receiver import Receiver

__all__ = ["Receiver"]

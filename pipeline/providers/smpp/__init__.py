"""SMPP 3.4: messages to a short message centre (SMSC) over a kept connection, and what it tells.

Section numbers in this folder are those of "Short Message Peer to Peer Protocol Specification
v3.4", issue 1.2. The PDUs are written and read by smpplib; the session is our own, see
docs/decisions/0015-our-own-smpp-session.md.
"""

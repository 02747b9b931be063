"""Opens a connection to an SMSC."""

import asyncio
import ssl

from pipeline.providers.smpp.account import SmppAccount
from pipeline.providers.smpp.link import Link, Taker
from pipeline.providers.smpp.pdu import Bind, GarbageError

BIND_SECONDS = 10.0
"""For the connection, TLS and the bind together."""


async def open_link(account: SmppAccount, kind: Bind, take: Taker | None = None) -> Link:
    """Connect and bind.

    Raises:
        BindRefusedError: the SMSC does not want us.
        OSError: it cannot be reached, or what is there does not answer as an SMSC; the text
            tells, and holds no secret.
    """
    tls = ssl.create_default_context() if account.tls else None
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(min(BIND_SECONDS, account.request_timeout)):
            reader, writer = await asyncio.open_connection(account.host, account.port, ssl=tls)
            link = Link(account, reader, writer, take)
            await link.bind(kind)
            return link
    except BaseException as error:
        if writer is not None:
            writer.transport.abort()
        if isinstance(error, EOFError | GarbageError | ValueError):
            raise OSError(f"no answer of an SMSC: {type(error).__name__}") from error
        raise

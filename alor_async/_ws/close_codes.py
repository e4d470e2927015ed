"""What to do about a close code: RFC 6455, the IANA registry, and private codes that imitate HTTP."""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["NO_CODE", "Remedy", "remedy"]

NO_CODE: Final = 1005
"""Stands for a closing frame without a code. It is never on the wire."""


class Remedy(enum.Enum):
    """What the end of a connection calls for."""

    RECONNECT = "reconnect"
    """Again, after a pause."""

    REAUTHORIZE = "reauthorize"
    """Again, with a new token."""

    GIVE_UP = "give_up"
    """The server says that what we send is wrong. Again, but not for ever: the same will probably be wrong again."""


_REMEDIES: Final[dict[int, Remedy]] = {
    1000: Remedy.RECONNECT,  # normal closure
    1001: Remedy.RECONNECT,  # going away
    1002: Remedy.GIVE_UP,  # protocol error: ours
    1003: Remedy.GIVE_UP,  # a kind of data that it does not accept
    NO_CODE: Remedy.RECONNECT,
    1006: Remedy.RECONNECT,  # lost without a goodbye; never on the wire
    1007: Remedy.GIVE_UP,  # text that is no UTF-8
    1008: Remedy.REAUTHORIZE,  # policy violation: where servers put what has no code of its own, tokens above all
    1009: Remedy.RECONNECT,  # message too big
    1010: Remedy.GIVE_UP,  # an extension that we did not offer
    1011: Remedy.RECONNECT,  # internal error
    1012: Remedy.RECONNECT,  # service restart
    1013: Remedy.RECONNECT,  # try again later
    1014: Remedy.RECONNECT,  # bad gateway
    1015: Remedy.RECONNECT,  # TLS failure; never on the wire
    3000: Remedy.REAUTHORIZE,  # unauthorized
    3003: Remedy.REAUTHORIZE,  # forbidden
    3008: Remedy.RECONNECT,  # time-out
    4401: Remedy.REAUTHORIZE,  # private, after HTTP 401
    4403: Remedy.REAUTHORIZE,  # private, after HTTP 403
}


def remedy(code: int | None) -> Remedy:
    """Tell what to do after the server closed with a code.

    Codes without a row (libraries' 3xxx, private 4xxx, codes that no server may send) call for nothing special.

    Args:
        code: What the server said; None when the connection ended without a closing frame.
    """
    return Remedy.RECONNECT if code is None else _REMEDIES.get(code, Remedy.RECONNECT)

"""A mark in an order's comment, by which it is recognised after a lost answer or a restart.

It stands at the end, `[a:JZQXG5DJNZTSAYLM]`, after the user's own text, and follows from the idempotency key alone.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from alor_async._policy.arguments import MAX_COMMENT
from alor_async.errors import InvalidArgument

__all__ = ["client_tag", "own_comment", "tag_of", "with_tag"]

_TAG: Final = re.compile(r"(?:^| )\[a:([A-Z2-7]{16})\]$")
_BYTES: Final = 10


def tag_of(key: str) -> str:
    """Give the tag of an idempotency key: 16 letters, 80 bits of its SHA-256."""
    return base64.b32encode(hashlib.sha256(key.encode()).digest()[:_BYTES]).decode()


def with_tag(comment: str | None, tag: str) -> str:
    """Put a tag behind a comment, in place of the one that stands there: a replacement has the comment of its order.

    Raises:
        InvalidArgument: Together they are longer than a comment may be.
    """
    comment = own_comment(comment)
    marked = f"[a:{tag}]" if not comment else f"{comment} [a:{tag}]"
    if len(marked) > MAX_COMMENT:
        room = MAX_COMMENT - len(f" [a:{tag}]")
        raise InvalidArgument(
            "comment", f"must be at most {room} characters beside the order's tag, got {len(comment or '')}"
        )
    return marked


def client_tag(comment: str | None) -> str | None:
    """Read the tag out of a comment; None when there is none."""
    found = None if comment is None else _TAG.search(comment)
    return None if found is None else found[1]


def own_comment(comment: str | None) -> str | None:
    """Give a comment without its tag; None when nothing else stands in it."""
    return None if comment is None else _TAG.sub("", comment) or None

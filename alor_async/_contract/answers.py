"""Answers that facades open and do not pass on.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from uuid import UUID

from msgspec import Struct, field

from alor_async.models._base import WireId

__all__ = ["AccessTokenAnswer", "CommandReply", "OAuthTokens", "OrderAccepted", "OrderGroupCreated", "SocketReply"]


class OrderAccepted(Struct, frozen=True, kw_only=True, gc=False):
    """The broker has taken a command on an order: not yet the word of the exchange."""

    message: str | None = None
    """A remark for people; not to be parsed."""
    order_id: WireId = field(name="orderNumber")
    """Number of the order that now stands; a replacement is a new order with a new number."""


class OrderGroupCreated(Struct, frozen=True, kw_only=True, gc=False):
    """A group was made."""

    message: str | None = None
    """A remark for people; not to be parsed."""
    group_id: UUID = field(name="groupId")
    """Number of the group."""


class AccessTokenAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """A new access token."""

    access_token: str = field(name="AccessToken")
    """The token, a JWT that lives half an hour; its end stands inside it."""


class OAuthTokens(Struct, frozen=True, kw_only=True, gc=False):
    """The tokens that a code was exchanged for."""

    access_token: str
    """Access token, a JWT."""
    refresh_token: str
    """Refresh token for POST /refresh; it lives a month."""
    token_type: str | None = None
    """Bearer."""
    expires_in: int | None = None
    """Life of the access token; seconds."""
    scope: str | None = None
    """Granted scopes, with spaces between them."""


class SocketReply(Struct, frozen=True, kw_only=True, gc=False):
    """What became of a request."""

    request_guid: str = field(name="requestGuid")
    """Guid of the request."""
    status: int = field(name="httpCode")
    """Outcome in the manner of HTTP; below 300 is success."""
    message: str | None = None
    """A remark for people; not to be parsed."""


class CommandReply(Struct, frozen=True, kw_only=True, gc=False):
    """What became of a command on an order."""

    request_guid: str = field(name="requestGuid")
    """Guid of the request."""
    status: int = field(name="httpCode")
    """Outcome in the manner of HTTP; below 300 is success."""
    message: str | None = None
    """A remark for people; not to be parsed."""
    order_id: WireId | None = field(default=None, name="orderNumber")
    """Number of the order that now stands, or of the cancelled one; a replacement is a new order with a new number."""

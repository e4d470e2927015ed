"""How answers are read that facades open themselves.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import force_setattr

from alor_async._contract.answers import (
    AccessTokenAnswer,
    CommandReply,
    OAuthTokens,
    OrderAccepted,
    OrderGroupCreated,
    SocketReply,
)
from alor_async._contract.wire.publishing import single
from alor_async._http.decode import Shape, Shapes

__all__ = [
    "ACCESS_TOKEN_ANSWER",
    "COMMAND_REPLY",
    "OAUTH_TOKENS",
    "ORDER_ACCEPTED",
    "ORDER_GROUP_CREATED",
    "SOCKET_REPLY",
]


def _publish_order_accepted(order_accepteds: Iterable[Any]) -> None:
    for order_accepted in order_accepteds:
        if order_accepted.order_id.__class__ is int:
            force_setattr(order_accepted, "order_id", str(order_accepted.order_id))


def _publish_command_reply(command_replies: Iterable[Any]) -> None:
    for command_reply in command_replies:
        if command_reply.order_id.__class__ is int:
            force_setattr(command_reply, "order_id", str(command_reply.order_id))


ORDER_ACCEPTED: Final[Shapes[OrderAccepted]] = Shapes[OrderAccepted].same(
    Shape(OrderAccepted, publish=single(_publish_order_accepted))
)


ORDER_GROUP_CREATED: Final[Shapes[OrderGroupCreated]] = Shapes[OrderGroupCreated].same(Shape(OrderGroupCreated))


ACCESS_TOKEN_ANSWER: Final[Shapes[AccessTokenAnswer]] = Shapes[AccessTokenAnswer].same(Shape(AccessTokenAnswer))


OAUTH_TOKENS: Final[Shapes[OAuthTokens]] = Shapes[OAuthTokens].same(Shape(OAuthTokens))


SOCKET_REPLY: Final[Shapes[SocketReply]] = Shapes[SocketReply].same(Shape(SocketReply))


COMMAND_REPLY: Final[Shapes[CommandReply]] = Shapes[CommandReply].same(
    Shape(CommandReply, publish=single(_publish_command_reply))
)

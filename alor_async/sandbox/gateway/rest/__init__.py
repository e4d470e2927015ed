"""Every live REST operation, by area."""

from __future__ import annotations

from alor_async.sandbox.gateway import authorize, oauth
from alor_async.sandbox.gateway.rest import account, groups, instruments, orders
from alor_async.sandbox.gateway.routing import Access, Route

REFRESH = Route("auth.refresh", "POST", "/refresh", oauth.refresh, Access.NONE, server="oauth")
AUTHORIZE = Route("oauth.authorize", "GET", "/authorize", authorize.authorize, Access.NONE, server="oauth")
TOKEN = Route("oauth.token", "POST", "/token", authorize.exchange, Access.NONE, server="oauth")

ROUTES: tuple[Route, ...] = (
    *instruments.ROUTES,
    *account.ROUTES,
    *orders.ROUTES,
    *groups.ROUTES,
    REFRESH,
    AUTHORIZE,
    TOKEN,
)
"""The whole REST API of the sandbox."""

__all__ = ["REFRESH", "ROUTES"]

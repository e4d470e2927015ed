"""The token service: the OAuth code flow.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from typing import Final

from alor_async._contract.wire.answers import OAUTH_TOKENS
from alor_async._contract.wire.plain import SUCCESS
from alor_async._http.request import Access, Kind, Operation, Parameter, Place

__all__ = ["OAUTH_AUTHORIZE", "OAUTH_TOKEN"]


# Ask a user for access.
OAUTH_AUTHORIZE: Final = Operation(
    "oauth.authorize",
    "GET",
    "/authorize",
    answer=SUCCESS,
    parameters=(
        Parameter("response_type", "response_type", Place.QUERY),
        Parameter("client_id", "client_id", Place.QUERY),
        Parameter("redirect_uri", "redirect_uri", Place.QUERY),
        Parameter("scope", "scope", Place.QUERY),
        Parameter("state", "state", Place.QUERY),
    ),
    access=Access.NONE,
    on_token_host=True,
)

# Exchange a code for tokens.
OAUTH_TOKEN: Final = Operation(
    "oauth.token",
    "POST",
    "/token",
    answer=OAUTH_TOKENS,
    kind=Kind.COMMAND,
    access=Access.NONE,
    on_token_host=True,
)

"""The token service: access tokens.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from typing import Final

from alor_async._contract.wire.answers import ACCESS_TOKEN_ANSWER
from alor_async._http.request import Access, Operation

__all__ = ["AUTH_REFRESH"]


# Exchange a refresh token for an access token.
AUTH_REFRESH: Final = Operation(
    "auth.refresh",
    "POST",
    "/refresh",
    answer=ACCESS_TOKEN_ANSWER,
    access=Access.NONE,
    on_token_host=True,
)

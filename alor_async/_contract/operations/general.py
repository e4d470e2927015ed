"""The operation that belongs to no facade.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from typing import Final

from alor_async._contract.wire.plain import INTEGER
from alor_async._http.request import Access, Operation

__all__ = ["GET_SERVER_TIME"]


# Read the server's clock.
GET_SERVER_TIME: Final = Operation(
    "get_server_time",
    "GET",
    "/md/v2/time",
    answer=INTEGER,
    access=Access.OPTIONAL,
)

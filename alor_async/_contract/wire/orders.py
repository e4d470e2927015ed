"""How the answers of `orders` are read in each format.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from typing import Final

from alor_async._http.decode import Shape, Shapes
from alor_async.models.orders import OrderEstimate

__all__ = ["ORDER_ESTIMATE", "ORDER_ESTIMATE_LIST"]


ORDER_ESTIMATE: Final[Shapes[OrderEstimate]] = Shapes[OrderEstimate].same(Shape(OrderEstimate))


ORDER_ESTIMATE_LIST: Final[Shapes[list[OrderEstimate]]] = Shapes[list[OrderEstimate]].same(Shape(list[OrderEstimate]))

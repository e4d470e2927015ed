"""How the plainest answers are read.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from typing import Final

from alor_async._http.decode import Shape, Shapes, text_success

__all__ = ["INTEGER", "SUCCESS", "TEXT_LIST"]


INTEGER: Final[Shapes[int]] = Shapes[int].same(Shape(int))


TEXT_LIST: Final[Shapes[list[str]]] = Shapes[list[str]].same(Shape(list[str]))


SUCCESS: Final[Shapes[None]] = Shapes[None].same(text_success)

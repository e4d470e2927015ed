"""What the generator says when its inputs are wrong."""

from __future__ import annotations

__all__ = ["CodegenError"]


class CodegenError(Exception):
    """The contract, the overlay or the generated code is not as it must be. The text names the place.

    Attributes:
        place: Where it stands, as a path into the document (`components.schemas.Order.properties.price`).
        problem: What is wrong there.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem

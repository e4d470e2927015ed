"""What is asked for, as values: an `Operation` is static, a `Request` is one call of it."""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast
from urllib.parse import quote
from uuid import UUID

from alor_async._policy.arguments import check_order_id, check_price
from alor_async.errors import InvalidArgument
from alor_async.values import Format, check_segment

if TYPE_CHECKING:
    from alor_async._http.decode import Shapes

__all__ = ["MIB", "Access", "Kind", "Lane", "Operation", "Parameter", "PathList", "Place", "Request"]

T_co = TypeVar("T_co", covariant=True)

MIB: Final = 1024 * 1024


class Kind(enum.Enum):
    """Whether an operation may change something. Decides about retries and the family of errors."""

    READ = "read"
    COMMAND = "command"


class Lane(enum.IntEnum):
    """Who goes first when places are short: the lower, the sooner."""

    CANCEL = 0
    PLACE = 1
    DATA = 2


class Access(enum.Enum):
    """Whether an operation needs a token."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


class Place(enum.Enum):
    """Where a parameter travels."""

    PATH = "path"
    QUERY = "query"


class Parameter:
    """One parameter of an operation: our name, the broker's, and where it travels."""

    __slots__ = ("name", "place", "prefix", "wire")

    def __init__(self, name: str, wire: str, place: Place) -> None:
        self.name = name
        self.wire = wire
        self.place = place
        self.prefix = quote(wire, safe="") + "="

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, {self.wire!r}, {self.place})"


class Operation(Generic[T_co]):
    """A REST operation of the broker: everything about it that does not vary between calls.

    Attributes:
        name: `facade.method`; at once the span's name, the word in logs, the label of metrics and the place in the docs.
        method: The HTTP method.
        path: The template, with the broker's parameter names in braces.
        kind: Read or command.
        lane: Who goes first when places are short.
        access: Whether a token is needed.
        answer: How the body of a 200 is read, per format.
        parameters: Path parameters in the path's order, then the query's.
        max_body: The longest acceptable answer, decoded; bytes.
        has_format: Whether the answer's spelling can be chosen.
        has_request_id: Whether the call carries an idempotency key (X-REQID).
        on_token_host: Whether it lives on the token service's host.
    """

    __slots__ = (
        "_head",
        "_names",
        "_path",
        "_query",
        "access",
        "answer",
        "has_format",
        "has_request_id",
        "kind",
        "lane",
        "max_body",
        "method",
        "name",
        "on_token_host",
        "parameters",
        "path",
    )

    def __init__(
        self,
        name: str,
        method: str,
        path: str,
        *,
        answer: Shapes[T_co],
        parameters: tuple[Parameter, ...] = (),
        kind: Kind = Kind.READ,
        lane: Lane = Lane.DATA,
        access: Access = Access.REQUIRED,
        max_body: int = 16 * MIB,
        has_format: bool = False,
        has_request_id: bool = False,
        on_token_host: bool = False,
    ) -> None:
        self.name = name
        self.method = method
        self.path = path
        self.answer = answer
        self.parameters = parameters
        self.kind = kind
        self.lane = lane
        self.access = access
        self.max_body = max_body
        self.has_format = has_format
        self.has_request_id = has_request_id
        self.on_token_host = on_token_host
        self._head, self._path = _split_template(path, parameters)
        self._query = tuple((p.name, p.prefix) for p in parameters if p.place is Place.QUERY)
        self._names = frozenset(p.name for p in parameters)

    def __repr__(self) -> str:
        return f"<Operation {self.name}: {self.method} {self.path}>"

    def request(
        self,
        *,
        format: Format | None = None,
        body: bytes | None = None,
        request_id: str | None = None,
        **values: object,
    ) -> Request[T_co]:
        """Describe one call.

        Args:
            format: The answer's spelling, where the operation has a choice; None is Heavy.
            body: The encoded JSON body.
            request_id: The idempotency key, where the operation has one.
            values: Parameters by our names. A query parameter that is None is left out.

        Raises:
            InvalidArgument: A path parameter is missing or could change the path, or a value cannot be written.
        """
        return self.request_with(values, format=format, body=body, request_id=request_id)

    def request_with(
        self,
        values: Mapping[str, object],
        *,
        format: Format | None = None,
        body: bytes | None = None,
        request_id: str | None = None,
    ) -> Request[T_co]:
        """Describe one call whose parameters are in a mapping; otherwise as `request`."""
        if not values.keys() <= self._names:
            unknown = sorted(values.keys() - self._names)
            raise TypeError(f"{self.name} has no parameter {unknown[0]!r}")
        target = self._head
        for name, literal in self._path:
            target += _path_text(name, values.get(name)) + literal
        if self.has_format:
            format, spelling = _FORMATS[format]
            target += spelling
            separator = "&"
        else:
            format = None
            separator = "?"
        for name, prefix in self._query:
            value = values.get(name)
            if value is not None:
                target += separator + prefix + _query_text(name, value)
                separator = "&"
        return Request(self, target, body, format, request_id)


class Request(Generic[T_co]):
    """One call of an operation: it can be logged, compared and faked.

    Attributes:
        operation: What is called.
        target: Path and query, percent-encoded, without the host.
        body: The encoded JSON body, or None.
        format: The answer's spelling, or None where there is no choice.
        request_id: The idempotency key, or None where there is none.
    """

    __slots__ = ("body", "format", "operation", "request_id", "target")

    def __init__(
        self, operation: Operation[T_co], target: str, body: bytes | None, format: Format | None, request_id: str | None
    ) -> None:
        self.operation = operation
        self.target = target
        self.body = body
        self.format = format
        self.request_id = request_id

    def __repr__(self) -> str:
        # The target holds portfolios: only the template is shown.
        return f"<Request {self.operation.name}: {self.operation.method} {self.operation.path}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Request):
            return NotImplemented
        theirs = cast("Request[object]", other)
        return self.operation is theirs.operation and self._parts() == theirs._parts()

    def __hash__(self) -> int:
        return hash((self.operation.name, *self._parts()))

    def _parts(self) -> tuple[object, ...]:
        return self.target, self.body, self.format, self.request_id


def _split_template(path: str, parameters: tuple[Parameter, ...]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Cut a template into what comes before the first parameter, and each parameter's name with what follows it."""
    names: list[str] = []
    literals: list[str] = []
    rest = path
    for parameter in parameters:
        if parameter.place is Place.PATH:
            literal, found, rest = rest.partition("{" + parameter.wire + "}")
            if not found:
                raise ValueError(f"{path} has no {{{parameter.wire}}}")
            names.append(parameter.name)
            literals.append(literal)
    if "{" in rest:
        raise ValueError(f"{path} has a parameter without a description")
    head, *following = (*literals, rest)
    return head, tuple(zip(names, following, strict=True))


class PathList(tuple[str, ...]):
    """Several values for one path segment, sent with commas between them; each is checked on its own."""

    __slots__ = ()


# The same symbols, portfolios and exchanges come again and again: what was checked and encoded once is remembered.
_REMEMBERED: Final = 8192


def _path_text(name: str, value: object) -> str:
    if isinstance(value, str):
        return _segment(name, value)
    if isinstance(value, PathList):
        if not value:
            raise InvalidArgument(name, "must not be empty")
        return ",".join([_list_item(name, item) for item in value])
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None:
        raise InvalidArgument(name, "is required")
    raise InvalidArgument(name, f"cannot stand in a path: {type(value).__name__}")


@functools.lru_cache(_REMEMBERED)
def _segment(name: str, text: str) -> str:
    if name == "order_id":
        # Anything else might be another route: `DELETE .../orders/all` cancels everything.
        return check_order_id(text, name)
    return quote(check_segment(name, text, allow_space=True), safe="")


@functools.lru_cache(_REMEMBERED)
def _list_item(name: str, item: str) -> str:
    # `EXCHANGE:SYMBOL[:BOARD]`: the colons are ours. The parts were checked when the key was made; here they are again,
    # because this is the last place before the wire.
    return ":".join(_segment(name, part) for part in item.split(":"))


def _query_text(name: str, value: object) -> str:
    if isinstance(value, str):
        return _quoted(name, value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | UUID):
        return str(value)
    if isinstance(value, Decimal):
        return f"{check_price(value, name):f}"
    raise InvalidArgument(name, f"cannot be written as a parameter: {type(value).__name__}")


@functools.lru_cache(_REMEMBERED)
def _quoted(name: str, text: str) -> str:
    try:
        return quote(text, safe=":")
    except UnicodeEncodeError:
        raise InvalidArgument(name, "must be text without lone surrogates") from None


_FORMATS: Final[dict[Format | None, tuple[Format, str]]] = {
    chosen: (spelling, f"?format={spelling.value}")
    for chosen, spelling in ((None, Format.HEAVY), *((spelling, spelling) for spelling in Format))
}

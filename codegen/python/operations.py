"""One constant an operation: `alor_async/_contract/operations`."""

from __future__ import annotations

from codegen.errors import CodegenError
from codegen.ir import Contract, Operation
from codegen.python.rendering import Module, render
from codegen.python.text import constant, sentence
from codegen.python.wire import answer_constant

__all__ = ["operation_modules"]

_PACKAGE = "alor_async/_contract/operations"
_GENERAL = "general"
_TITLES = {
    "general": "The operation that belongs to no facade.",
    "instruments": "The operations of `alor.instruments`.",
    "market_data": "The operations of `alor.market_data`.",
    "account": "The operations of `alor.account`.",
    "orders": "The operations of `alor.orders`.",
    "stop_orders": "The operations of `alor.stop_orders`.",
    "order_groups": "The operations of `alor.order_groups`.",
    "auth": "The token service: access tokens.",
    "oauth": "The token service: the OAuth code flow.",
}
_MIB = 1024 * 1024


def operation_modules(contract: Contract) -> list[Module]:
    """Write the constants, a file for each facade, and their front door."""
    for name, _ in _names(contract):
        if _area(name) not in _TITLES:
            raise CodegenError("paths", f"{name}: there is no facade `{_area(name)}`")
    modules: list[Module] = []
    for area, title in _TITLES.items():
        named = [(name, operation) for name, operation in _names(contract) if _area(name) == area]
        if named:
            modules.append(
                Module(
                    path=f"{_PACKAGE}/{area}.py",
                    doc=title,
                    code=render("operations.py.j2", operations=[_view(*pair) for pair in named]),
                    exports=tuple(constant(name) for name, _ in named),
                )
            )
    return [*modules, _front_door(modules)]


def _names(contract: Contract) -> list[tuple[str, Operation]]:
    return [(name, operation) for operation in contract.operations for name in (operation.name, *operation.also)]


def _area(name: str) -> str:
    area, dot, _ = name.partition(".")
    return area if dot else _GENERAL


def _view(name: str, operation: Operation) -> dict[str, object]:
    return {
        "constant": constant(name),
        "name": name,
        "summary": sentence(operation.summary),
        "method": operation.method,
        "path": operation.path,
        "answer": answer_constant(operation.name, operation.answer),
        "parameters": operation.parameters,
        "settings": _settings(operation),
    }


def _settings(operation: Operation) -> list[str]:
    """Write what is not the default of `Operation`."""
    settings: list[str] = []
    if operation.kind != "read":
        settings.append(f"kind=Kind.{operation.kind.upper()}")
    if operation.lane != "data":
        settings.append(f"lane=Lane.{operation.lane.upper()}")
    if operation.access != "required":
        settings.append(f"access=Access.{operation.access.upper()}")
    if operation.max_body is not None:
        settings.append(f"max_body={_size(operation.max_body)}")
    settings += [f"{word}=True" for word in ("has_format", "has_request_id") if getattr(operation, word)]
    if operation.oauth:
        settings.append("on_token_host=True")
    return settings


def _size(count: int) -> str:
    return f"{count // _MIB} * MIB" if count % _MIB == 0 else f"{count:_}"


def _front_door(modules: list[Module]) -> Module:
    lines = [f"from {module.dotted} import {', '.join(module.exports)}" for module in modules]
    names = [name for module in modules for name in module.exports]
    everything = ", ".join(names)
    return Module(
        path=f"{_PACKAGE}/__init__.py",
        doc="The whole REST API of the broker: one constant an operation.",
        code="\n".join(lines)
        + f"\n\n\nALL: Final[tuple[Operation[Any], ...]] = ({everything},)\n"
        + '"""Every operation, a second name of one included."""',
        exports=("ALL", *names),
    )

"""The house stands as it was drawn: what each module may import, and what only a few may touch. Read from the source."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "alor_async"

# Left never imports right; rooms that stand together do not import each other, except in the first row.
FOUNDATION = ("errors", "values", "config", "_tokens", "_telemetry", "_version")
ORDER = (
    FOUNDATION,
    ("models",),
    ("_policy",),
    ("trading",),
    ("_http",),
    ("_contract",),
    ("auth", "_ws"),
    ("_streams",),
    ("_orders",),
    ("resources",),
    ("bulk",),
    ("client",),
    ("testing", "cli"),
)
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}
KNOW_THE_SANDBOX = {"testing", "cli"}
SANDBOX_MAY_IMPORT = {"values", "errors", "config", "_version"}
# What the client itself must not load: each costs more than it gives, or belongs to an extra.
HEAVY = {"dataclasses", "opentelemetry", "rich", "typer", "keyring", "platformdirs", "numpy", "polars", "pyarrow"}
MAY_LOAD = {"cli": {"rich", "typer", "keyring", "platformdirs"}, "bulk": {"numpy", "polars", "pyarrow"}}

WALL_CLOCK = {
    "time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.date.today",
}  # fmt: skip
MAY_READ_THE_WALL_CLOCK = {
    "alor_async._policy.clock": "the one door to time",
    "alor_async.resources._market_trades": "which day is today in Moscow, as iter_market_trades documents",
}
# They take their source of chance as an argument, whose default is the only thing they may name.
TAKE_CHANCE_AS_AN_ARGUMENT = {
    "alor_async._http.session",
    "alor_async._orders.socket_wire",
    "alor_async._streams.hub",
    "alor_async.auth.refresh",
}
CHANCE = {"random", "secrets"}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
CLIENT = [name for name in SOURCES if not name.startswith("alor_async.sandbox")]
SANDBOX = [name for name in SOURCES if name.startswith("alor_async.sandbox")]


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports_in(node: ast.AST, *, for_types: bool, in_functions: bool) -> Iterator[str]:
    """Give the modules that a piece of source imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"a relative import, line {node.lineno}"
        for alias in node.names:
            # `from a import b` names the module a.b where there is one, and otherwise something in a.
            yield f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in SOURCES else str(node.module)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not in_functions:
        return
    else:
        is_for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        children = node.orelse if is_for_types and not for_types else ast.iter_child_nodes(node)
        for child in children:
            yield from imports_in(child, for_types=for_types, in_functions=in_functions)


def all_imports(module: str) -> set[str]:
    return set(imports_in(SOURCES[module], for_types=True, in_functions=True))


def loaded_with(module: str) -> set[str]:
    """Give what importing this module imports."""
    return set(imports_in(SOURCES[module], for_types=False, in_functions=False))


def ours(modules: set[str]) -> set[str]:
    return {name for name in modules if name == "alor_async" or name.startswith("alor_async.")}


def test_there_is_something_to_look_at():
    assert len(CLIENT) > 40
    assert len(SANDBOX) > 20
    assert "alor_async.values" in all_imports("alor_async.models._base")
    assert "alor_async._http.decode" in all_imports("alor_async._http.request")
    assert "alor_async._http.decode" not in loaded_with("alor_async._http.request")
    assert "opentelemetry" in all_imports("alor_async._telemetry")
    assert "opentelemetry" not in loaded_with("alor_async._telemetry")


def test_every_module_of_the_client_has_a_room():
    strangers = {name for name in CLIENT if name != "alor_async" and room_of(name) not in RANK}
    assert not strangers


@pytest.mark.parametrize("module", CLIENT)
def test_left_never_imports_right(module):
    room = room_of(module)
    for imported in ours(all_imports(module)):
        other = room_of(imported)
        if other == "sandbox":
            assert room in KNOW_THE_SANDBOX, f"{module} imports {imported}: only tools for tests know the sandbox"
            continue
        if not room:
            continue
        assert other, f"{module} imports the package's own __init__, which imports everything"
        allowed = RANK[other] < RANK[room] or other == room or {room, other} <= set(FOUNDATION)
        assert allowed, f"{module} imports {imported}"


@pytest.mark.parametrize("module", SANDBOX)
def test_the_sandbox_shares_only_values_errors_and_settings(module):
    for imported in ours(all_imports(module)):
        assert room_of(imported) in SANDBOX_MAY_IMPORT | {"sandbox"}, f"{module} imports {imported}"


def test_nothing_is_imported_in_circles():
    graph = {module: ours(loaded_with(module)) & set(SOURCES) - {module} for module in SOURCES}
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert len(order) == len(SOURCES)


@pytest.mark.parametrize("module", CLIENT)
def test_the_client_loads_nothing_heavy(module):
    found = {imported.partition(".")[0] for imported in loaded_with(module)} & HEAVY
    assert not found - MAY_LOAD.get(room_of(module), set())


def dotted_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)


@pytest.mark.parametrize("module", CLIENT)
def test_time_comes_through_one_door(module):
    tree = SOURCES[module]
    found = WALL_CLOCK & set(dotted_names(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found |= {f"time.{alias.name}" for alias in node.names}
    if module in MAY_READ_THE_WALL_CLOCK:
        assert found, f"{module} no longer needs its permission"
    else:
        assert not found


@pytest.mark.parametrize("module", CLIENT)
def test_chance_comes_in_as_an_argument(module):
    tree = SOURCES[module]
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name for alias in node.names if alias.name in CHANCE}
        assert not (isinstance(node, ast.ImportFrom) and node.module in CHANCE), f"{module}, line {node.lineno}"
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in names]
    defaults = [
        default
        for arguments in ast.walk(tree)
        if isinstance(arguments, ast.arguments)
        for default in (*arguments.defaults, *arguments.kw_defaults)
        if default is not None
    ]
    in_defaults = [node for default in defaults for node in ast.walk(default) if isinstance(node, ast.Name)]
    if module in TAKE_CHANCE_AS_AN_ARGUMENT:
        assert uses, f"{module} no longer needs its permission"
        assert all(use in in_defaults for use in uses)
    else:
        assert not names


@pytest.mark.parametrize("module", SOURCES)
def test_f199_nothing_can_switch_the_check_of_certificates_off(module):
    for node in ast.walk(SOURCES[module]):
        if isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            assert name not in {"CERT_NONE", "CERT_OPTIONAL", "_create_unverified_context"}
            assert not (name == "check_hostname" and isinstance(node.ctx, ast.Store))
        if isinstance(node, ast.keyword) and node.arg in {"ssl", "verify_ssl"}:
            assert not (isinstance(node.value, ast.Constant) and node.value.value is False)

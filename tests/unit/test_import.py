"""What `import alor_async` gives, and what it leaves unloaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import alor_async
from alor_async import errors, models

ROOT = Path(__file__).parents[2]

# Standard modules that are slow to load, and packages of which nobody asked for anything yet.
UNWANTED = (
    "opentelemetry", "rich", "typer", "hypothesis", "pytest", "yaml", "jinja2", "httpx", "cryptography",
    "alor_async.sandbox", "alor_async.testing", "alor_async.cli", "sqlite3", "unittest",
)  # fmt: skip


def loaded_by(statement: str) -> set[str]:
    """Run a statement in a fresh interpreter; give the modules that are loaded afterwards."""
    program = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_importing_the_client_loads_only_the_client():
    modules = loaded_by("import alor_async")
    assert "alor_async.client" in modules
    found = {name for name in modules if name.startswith(tuple(f"{unwanted}." for unwanted in UNWANTED))}
    found |= modules & set(UNWANTED)
    assert not found


def test_importing_the_client_adds_few_modules_that_are_not_its_own():
    added = loaded_by("import alor_async") - loaded_by("import aiohttp, msgspec")
    foreign = {name for name in added if not name.startswith("alor_async")}
    assert foreign <= {"graphlib", "unicodedata", "yarl", "multidict", "concurrent.futures.thread"}, foreign


def test_making_a_client_does_no_more():
    before = loaded_by("import alor_async")
    after = loaded_by("import alor_async\nalor_async.AsyncAlor('token', environment=alor_async.TEST)")
    assert {name for name in after - before if not name.startswith("alor_async")} == set()


def test_every_public_name_exists_once_and_in_order():
    names = alor_async.__all__
    assert len(names) == len(set(names))
    for name in names:
        assert getattr(alor_async, name) is not None
    assert {"AsyncAlor", "InstrumentId", "Portfolio", "Timeframe", "NEVER", "PRODUCTION", "TEST"} <= set(names)
    assert {"TokenProvider", "RefreshToken", "StaticToken", "OrderAck", "Timeouts", "RetryPolicy", "Limits"} <= set(
        names
    )


def test_all_errors_and_models_are_exported():
    assert set(errors.__all__) <= set(alor_async.__all__)
    shared = {"Model", "OpenStrEnum", "OpenIntEnum", "decode"}  # Reached through alor_async.models.
    assert set(models.__all__) - shared <= set(alor_async.__all__)
    for name in errors.__all__:
        assert getattr(alor_async, name) is getattr(errors, name)


def test_the_package_tells_its_version_and_that_it_is_typed():
    assert alor_async.__version__.count(".") >= 1
    assert (ROOT / "alor_async" / "py.typed").exists()

"""What holds for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
SOCKETS = HERE / "sandbox" / "sockets"
HEAVY = (
    *(HERE / folder for folder in ("cli", "conformance", "faults", "plugin")),
    *(
        SOCKETS / f"test_{name}.py"
        for name in ("socket_faults", "ws_limits", "ws_market", "ws_portfolio", "ws_witness")
    ),
    HERE / "sandbox" / "test_scenarios.py",
)
"""Tests of very many requests, or in processes of their own, which coverage would not see."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whole folders as heavy."""
    for item in items:
        if any(item.path.is_relative_to(place) for place in HEAVY):
            item.add_marker(pytest.mark.heavy)

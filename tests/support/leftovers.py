"""What a process holds: tasks and sockets, to compare before and after."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any


def open_sockets() -> int:
    """Count this process's open sockets."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except OSError:
            continue
    return count


def other_tasks() -> set[asyncio.Task[Any]]:
    """Give the tasks beside the one that asks."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


def our_tasks() -> list[str]:
    """Give the names of the library's own tasks."""
    return sorted(task.get_name() for task in other_tasks() if task.get_name().startswith("alor"))

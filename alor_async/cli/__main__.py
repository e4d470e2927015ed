"""`python -m alor_async.cli`: the `alor` program where its script is not on the path."""

from __future__ import annotations

from alor_async.cli import main

main()

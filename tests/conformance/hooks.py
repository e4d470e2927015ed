"""What schemathesis is told at run time: the spelling of this run, and a request id of its own for every command."""

from __future__ import annotations

import itertools
import os
from typing import Any

import schemathesis

_FORMAT = os.environ["ALOR_FORMAT"]
_NUMBERS = itertools.count(1)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Ask for the format that the document describes, and number the request ids.

    A document has one format, so the format is no parameter of its calls. A request id that repeats is answered with the
    first answer, whatever else the request says.
    """
    case.query = {**(case.query or {}), "format": _FORMAT}
    sent = case.headers or {}
    for name in ("X-REQID", "X-ALOR-REQID"):
        if sent.get(name):
            sent[name] = f"conformance-{next(_NUMBERS)}"

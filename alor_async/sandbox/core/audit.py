"""What the journal must tell, whatever happened: an auditor reads each entry once, and remembers what it found."""

from __future__ import annotations

from collections import Counter

from alor_async.sandbox.core.commands import Accepted, CancelOrder, PlaceOrder, ReplaceOrder
from alor_async.sandbox.core.enums import OrderStatus
from alor_async.sandbox.core.journal import Journal

_ENDED = frozenset(f"order_{status.value}" for status in OrderStatus if status is not OrderStatus.WORKING)

Details = dict[str, object]


class Audit:
    """Follows every order through the journal.

    * An order is accepted once, filled in parts, and ends once; nothing is heard of it after that.
    * Each order comes from exactly one command that was accepted, or from one conditional order that fired.
    * A replacement ends in exactly one way: the old order is cancelled and the new one is there, or there is no new one.
    """

    def __init__(self, journal: Journal) -> None:
        """Begin at the first entry."""
        self._journal = journal
        self._read = 0
        self._wrong: list[str] = []
        self._filled = Counter[str]()
        self._working: set[str] = set()
        self._ended: set[str] = set()
        self._unexplained: set[str] = set()
        self._command: object = None

    def check(self) -> list[str]:
        """What is wrong in the journal up to now, in words."""
        for _, kind, details in self._journal.records(self._read):
            self._read += 1
            if kind == "command":
                self._command = details["command"]
            elif kind == "answer":
                self._see_answer(self._command, details["result"])
            elif kind == "order_accepted":
                self._see_accepted(str(details["order_id"]))
            elif kind == "fill":
                self._see_fill(str(details["order_id"]), details["lots"])
            elif kind in _ENDED:
                self._see_end(str(details["order_id"]), kind, details["filled"])
            elif kind == "stop_filled":
                self._explain(str(details["exchange_order_id"]), f"stop {details['order_id']}")
        return self._wrong + [f"order {number} comes from no command" for number in sorted(self._unexplained)]

    def _see_accepted(self, number: str) -> None:
        if number in self._working or number in self._ended:
            self._wrong.append(f"order {number} is accepted twice")
        self._working.add(number)
        self._unexplained.add(number)

    def _see_fill(self, number: str, lots: object) -> None:
        if number not in self._working:
            self._wrong.append(f"order {number} is filled when it does not work")
        if not isinstance(lots, int) or lots <= 0:
            self._wrong.append(f"order {number} is filled with {lots} lots")
        else:
            self._filled[number] += lots

    def _see_end(self, number: str, kind: str, filled: object) -> None:
        if number not in self._working:
            self._wrong.append(f"order {number} ends ({kind}) when it does not work")
        if filled != self._filled.pop(number, 0):
            self._wrong.append(f"order {number} ends with {filled} lots, which are not what its fills add up to")
        self._working.discard(number)
        self._ended.add(number)

    def _explain(self, number: str, origin: str) -> None:
        """An order that was accepted is this one's."""
        if number in self._unexplained:
            self._unexplained.remove(number)
        else:
            self._wrong.append(f"{origin} says that it became order {number}, which was not accepted for it")

    def _see_answer(self, command: object, result: object) -> None:
        accepted = result.order_id if isinstance(result, Accepted) else None
        match command:
            case PlaceOrder() if accepted is not None:
                self._explain(accepted, "a command")
            case ReplaceOrder() if accepted is not None:
                self._explain(accepted, "a replacement")
                if command.order_id not in self._ended:
                    self._wrong.append(f"order {command.order_id} is replaced and still works")
            case CancelOrder(is_stop=False) if accepted is not None:
                if accepted not in self._ended:
                    self._wrong.append(f"order {accepted} is cancelled and still works")
            case _:
                pass

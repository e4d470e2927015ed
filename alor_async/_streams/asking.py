"""What a channel asks the broker for, the first time and after it broke off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from alor_async.values import Timeframe

if TYPE_CHECKING:
    from alor_async._http.message import StreamSpec
    from alor_async.values import Format

__all__ = ["Asking"]

_PROBE: Final = "-"
"""What stands for guid and token while a request is only checked."""


class Asking:
    """The parameters of one subscription.

    Args:
        spec: Which subscription.
        values: Its parameters, by our names.
        format: The wire format.

    Raises:
        InvalidArgument: A parameter is wrong.
    """

    __slots__ = ("_format", "_spec", "_values")

    def __init__(self, spec: StreamSpec[Any, Any], values: Mapping[str, object], format: Format) -> None:
        spec.message(values, guid=_PROBE, token=_PROBE, format=format)
        self._spec = spec
        self._values = dict(values)
        self._format = format

    @property
    def skips_snapshot(self) -> bool:
        """Whether nothing of before is wanted."""
        return self._values.get("skip_snapshot") is True

    @property
    def is_selective(self) -> bool:
        """Whether of before nothing is wanted, or a part."""
        return self.skips_snapshot or "statuses" in self._values

    def wants(self, item: object) -> bool:
        """Whether something of before is wanted."""
        statuses = cast("Sequence[object] | None", self._values.get("statuses"))
        return not self.skips_snapshot and (statuses is None or getattr(item, "status", None) in statuses)

    def forming_at(self, moment: int) -> int:
        """Give the earliest time at which the candle can have opened that forms at a moment; both in Unix seconds.

        Raises:
            KeyError: It is not about candles.
        """
        timeframe, start = Timeframe(str(self._values["timeframe"])), cast("int", self._values["from_timestamp"])
        return max(start, moment - timeframe.nominal_seconds + 1)

    def request(self, guid: str, token: str) -> bytes:
        """Write the request to subscribe."""
        return self._spec.message(self._values, guid=guid, token=token, format=self._format)

    def request_again(self, guid: str, token: str, *, is_own: bool, resume_from: int | None) -> bytes:
        """Write the request to go on: what was missed stands in the snapshot, or comes from the last candle on."""
        values = dict(self._values)
        if is_own:
            # All of it: an order that is not wanted of before may have ended unseen, and reads may lag behind.
            values.pop("skip_snapshot", None)
            values.pop("statuses", None)
        if resume_from is not None:
            values |= {"from_timestamp": resume_from, "skip_snapshot": False}
        return self._spec.message(values, guid=guid, token=token, format=self._format)

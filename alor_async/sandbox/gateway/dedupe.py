"""The memory of request ids: a command that comes again under the same X-REQID is not executed again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

from alor_async.errors import ConfigError
from alor_async.sandbox.gateway.call import Reply, json_reply, read_json

DedupeMode: TypeAlias = Literal["old_response_400", "replay_200", "bare_400", "off"]
"""What a repeated X-REQID gets: the first answer in a 400 envelope, the first answer as it was, a bare 400, or no check."""

_MESSAGE = "Request with such X-ALOR-REQID was already handled. We return the response to that request."
_MOST_REMEMBERED = 200_000


class Dedupe:
    """Remembers the first answer to each request id for a while of exchange time. Safe from any thread."""

    def __init__(self, mode: DedupeMode, life: float, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._answers: dict[str, tuple[float, Reply]] = {}
        self.configure(mode, life)

    def configure(self, mode: DedupeMode, life: float | None = None) -> None:
        """Choose what a repeated id gets, and for how many seconds an id is remembered.

        Raises:
            ConfigError: No such mode, or a life that is not positive.
        """
        if mode not in get_args(DedupeMode):
            raise ConfigError("dedupe", f"must be one of {', '.join(get_args(DedupeMode))}, got {mode!r:.40}")
        if life is not None and life <= 0:
            raise ConfigError("dedupe_life", f"must be greater than 0, got {life!r}")
        self.mode: DedupeMode = mode
        if life is not None:
            self.life = life

    def recall(self, request_id: str) -> Reply | None:
        """The answer to a repeated id; None when the id is new, forgotten, or repeats are not looked at."""
        if self.mode == "off":
            return None
        with self._lock:
            found = self._answers.get(request_id)
        if found is None or found[0] + self.life <= self._now():
            return None
        return self._replayed(found[1])

    def remember(self, request_id: str, reply: Reply) -> None:
        """Keep the answer to an id."""
        with self._lock:
            if len(self._answers) >= _MOST_REMEMBERED:
                self._answers.pop(next(iter(self._answers)))
            self._answers.pop(request_id, None)
            self._answers[request_id] = (self._now(), reply)

    def forget(self) -> None:
        """Forget every id."""
        with self._lock:
            self._answers.clear()

    def _replayed(self, first: Reply) -> Reply:
        if self.mode == "replay_200":
            return first
        if self.mode == "bare_400":
            return json_reply({"message": _MESSAGE}, 400)
        is_json = first.content_type is not None and "json" in first.content_type
        body = read_json(first.body) if is_json else first.body.decode()
        return json_reply({"message": _MESSAGE, "oldResponse": {"statusCode": first.status, "body": body}}, 400)

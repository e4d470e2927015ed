"""`alor.streams`: what the broker tells by itself, as subscriptions."""

from __future__ import annotations

from alor_async.resources._market_streams import MarketStreams
from alor_async.resources._portfolio_streams import PortfolioStreams

__all__ = ["StreamsResource"]


class StreamsResource(MarketStreams, PortfolioStreams):
    """Subscriptions. Each method checks its arguments and sends nothing: that is for `async with`.

    All of them take:

    - `format`: the wire format, None for that of the client's `StreamSettings` (Slim). The models are the same.
    - `on_slow`: what becomes of messages when the consumer is too slow: `"conflate"` (the newest of each key stands for
      those before it; usual for state), `"drop_oldest"`, or `"raise"` (usual for events).
    - `inbox`: how many messages may wait, None for the client's setting. What was there before the subscription began does
      not count: it was asked for.

    Those of the market take any number of instruments; which of them an item is about is told by `events()`. If the broker
    refuses one, it refuses the subscription.
    """

    __slots__ = ()

"""How the sandbox behaves where the broker's documents are silent or contradict each other.

Each reading is a named switch. The default is the reading that asks least of luck: the one that working clients report, or
else the one that is the least harm to believe. docs/assumptions.md lists them, and both sides of each are tested.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args, get_type_hints

from alor_async.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """A reading of every open question.

    Attributes:
        replace_refused: What a refused replacement leaves behind: the old order as it was, or nothing.
        passive_crossing: What becomes of a `bookorcancel` order that would trade at once.
        market_on_empty_book: Whether a market order that finds nobody is refused at the door, or accepted and cancelled.
        self_trade: Whether an account's orders trade with each other, or an order is cancelled that would meet its own.
        stop_already_met: Whether a stop whose condition holds when it is placed fires at once or at the next trade.
        group_execution: When a member of a group counts as executed: wholly filled, or with its first fill.
        candle_range_end: Whether a range of candles includes the one that opens at `to`.
        invalid_token_on_open_route: A bad token where none is needed: 401, or served as if there were none.
        unknown_quote: Tickers that nobody knows are left out of the quotes, or the whole request is a 404.
        unknown_book: The book of a ticker that nobody knows: 404, or an empty list.
        no_orders: The orders of a portfolio without any: an empty list, or 404.
        cancel_all_text: `success` quoted as JSON, or bare.
        turned_away_id: Whether an `X-REQID` that met 401 or 403 is free to be used again.
        condition_spelling: `lessorequal` or `LessOrEqual` in answers.
        stop_id_type: The number of a conditional order as text or as a JSON number.
        reply_order: Whether the reply to a subscription comes after its snapshot or before it.
        low_frequency: An interval below the allowed minimum: the minimum is used, or the subscription is refused.
        bad_token_on_ws: Whether `/ws` stays open after a request with a bad token.
        expired_token_on_ws: Whether running subscriptions go on when the token that opened them expires.
        invalid_ws_message: Whether `/ws` stays open after a message that cannot be understood.
        too_many_sockets: The eleventh connection is refused, or the oldest is closed for it.
        ping_opcode: Whether `ping` is answered or unknown.
        unknown_subscription: What `unsubscribe` says of a guid that nothing runs under: handled, or 404.
        opcode_case: Whether opcodes are read in any case or in the documented one only.
        invalid_cws_command: Whether `/cws` stays open after a command that cannot be understood.
        rejected_cws_order: Whether `/cws` stays open after an order that the broker rejects.
        duplicate_commands: What `checkDuplicates` refuses: the same terms again within a second, or nothing.
        cws_order_number: The number of an order in answers of `/cws` as text or as a JSON number.

    Raises:
        ConfigError: A switch has a value that it cannot have.
    """

    replace_refused: Literal["untouched", "gone"] = "untouched"
    passive_crossing: Literal["canceled", "rejected"] = "canceled"
    market_on_empty_book: Literal["refused", "canceled"] = "refused"
    self_trade: Literal["trades", "canceled"] = "trades"
    stop_already_met: Literal["next_trade", "at_once"] = "next_trade"
    group_execution: Literal["whole", "first_fill"] = "whole"
    candle_range_end: Literal["included", "excluded"] = "included"
    invalid_token_on_open_route: Literal["refused", "anonymous"] = "refused"
    unknown_quote: Literal["left_out", "not_found"] = "left_out"
    unknown_book: Literal["not_found", "empty_list"] = "not_found"
    no_orders: Literal["empty_list", "not_found"] = "empty_list"
    cancel_all_text: Literal["quoted", "bare"] = "quoted"
    turned_away_id: Literal["forgotten", "remembered"] = "forgotten"
    condition_spelling: Literal["lower", "pascal"] = "lower"
    stop_id_type: Literal["text", "number"] = "text"
    reply_order: Literal["after_snapshot", "before_snapshot"] = "after_snapshot"
    low_frequency: Literal["raised", "refused"] = "raised"
    bad_token_on_ws: Literal["open", "closed"] = "open"
    expired_token_on_ws: Literal["continues", "ends"] = "continues"
    invalid_ws_message: Literal["open", "closed"] = "open"
    too_many_sockets: Literal["refused", "oldest_closed"] = "refused"
    ping_opcode: Literal["answered", "unknown"] = "answered"
    unknown_subscription: Literal["handled", "not_found"] = "handled"
    opcode_case: Literal["any", "exact"] = "any"
    invalid_cws_command: Literal["open", "closed"] = "closed"
    rejected_cws_order: Literal["open", "closed"] = "open"
    duplicate_commands: Literal["same_terms", "nothing"] = "same_terms"
    cws_order_number: Literal["text", "number"] = "text"

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for field in fields(self):
            value, readings = getattr(self, field.name), get_args(hints[field.name])
            if value not in readings:
                raise ConfigError(
                    f"assumptions.{field.name}", f"must be one of {', '.join(readings)}, got {value!r:.40}"
                )

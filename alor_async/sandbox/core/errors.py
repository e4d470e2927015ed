"""What a read can go wrong with. Commands do not raise: they answer `Rejected`."""

from __future__ import annotations


class UnknownInstrument(LookupError):
    """No such symbol on that exchange, or not on that board."""


class UnknownPortfolio(LookupError):
    """No such portfolio or login, or it does not trade there."""


class InvalidQuery(ValueError):
    """A read asked for something that makes no sense; the text is fit for the wire (HTTP 400)."""

"""The broker's contract as code: operations, streams, commands, their bodies, and how each format is read.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

__all__ = []

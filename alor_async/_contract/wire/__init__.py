"""How answers are read: private spellings of the models, and the shape of every answer.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

__all__ = []

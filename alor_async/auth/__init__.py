"""Where access tokens come from."""

from __future__ import annotations

from alor_async._tokens import AccessToken, Claims, StaticToken, TokenProvider
from alor_async.auth.refresh import RefreshToken

__all__ = ["AccessToken", "Claims", "RefreshToken", "StaticToken", "TokenProvider"]

"""Subscriptions: what is wanted, what waits, and what was lost. Public names are exported by `alor_async`."""

"""Policies: small pure functions and classes that decide; they do no I/O."""

"""The embedded exchange, pure and synchronous: no I/O, no event loop, no wall clock, no global randomness."""

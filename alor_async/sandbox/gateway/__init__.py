"""The wire: HTTP over loopback sockets in the broker's own protocol, and everything that can go wrong on it."""

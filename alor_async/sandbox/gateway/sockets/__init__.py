"""The sockets of the API: `/ws` with its subscriptions, `/cws` with its commands."""

"""One WebSocket: opened, read, written, watched and closed. It knows nothing of what is said over it."""

"""The public methods, one file a facade: each says what it asks for and hands it to the session."""

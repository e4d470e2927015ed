"""From an intent to its outcome: what a command asks for, how it travels, and what may be said of it afterwards."""

"""Programs that show the library at work; the tests run them."""

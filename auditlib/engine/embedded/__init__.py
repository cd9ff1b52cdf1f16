"""The embedded engine: answers from sorted positions in mapped files, at the price of one page whatever the size."""

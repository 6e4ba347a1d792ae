"""The limiters: asynchronous, for threads, and what both share."""

"""The tests of the tool redis-rl: run as a user runs it, on logs and against real servers."""

"""The apps that tests serve: with every adapter, under a real server, and the example."""

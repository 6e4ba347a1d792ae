"""Tests of HTTP: within the event loop, under a real uvicorn, and the example as a process."""

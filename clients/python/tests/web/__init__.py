"""What tests of HTTP need: apps under a real uvicorn, the example app as a process."""

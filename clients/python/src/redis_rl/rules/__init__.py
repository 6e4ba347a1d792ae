"""Limits as apps set them up for their requests, the same for every framework."""

"""The commands that ask running servers."""

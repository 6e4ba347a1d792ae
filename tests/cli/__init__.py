"""The operator's tool beside real servers."""

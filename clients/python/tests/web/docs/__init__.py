"""The example app and the README, run as a user runs them."""

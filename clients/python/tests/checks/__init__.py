"""What a limiter answers: limits, policies, messages, and the shared vectors."""

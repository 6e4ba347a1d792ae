"""What a limiter in front of an HTTP handler costs: helpers against others, behind a load."""

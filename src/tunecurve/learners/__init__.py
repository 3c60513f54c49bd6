"""What predicts and may be tuned."""

"""What of this machine a study would use, and what would stop it; nothing is sent, fetched or written."""

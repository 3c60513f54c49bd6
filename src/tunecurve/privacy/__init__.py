"""What leaves this machine, and what is kept of texts from outside: no key, and with --local-only no connection."""

"""Where trials run: here, in worker processes, on a shared directory or on Ray. No metric is known here."""

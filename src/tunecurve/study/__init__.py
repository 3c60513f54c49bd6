"""One study: its rows, plan, trials and their folders."""

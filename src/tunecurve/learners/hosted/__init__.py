"""Models behind a provider's API: prompted, tuned by managed jobs, paid for; the ledger lives here, too."""

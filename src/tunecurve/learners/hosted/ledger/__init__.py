"""The ledger: every paid call, job and deployment, written before it is made."""

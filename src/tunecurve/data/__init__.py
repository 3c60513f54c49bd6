"""Rows: loaded, cleaned, split."""

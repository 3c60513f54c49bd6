"""Scores as sufficient statistics of rows."""

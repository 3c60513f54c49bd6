"""Tuning jobs at providers."""

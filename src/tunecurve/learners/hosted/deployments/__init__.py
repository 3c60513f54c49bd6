"""Deployments of tuned models at providers."""

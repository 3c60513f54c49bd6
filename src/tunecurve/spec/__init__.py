"""The study file, section by section."""

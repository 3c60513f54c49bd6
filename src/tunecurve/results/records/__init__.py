"""The parts of results.json as classes; `model` puts them together."""

"""How a language model answers: greedy, in batches, several tokens a pass."""

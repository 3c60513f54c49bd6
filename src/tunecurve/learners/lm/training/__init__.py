"""How a language model is fine-tuned: the loop, and the ways to compute a step."""

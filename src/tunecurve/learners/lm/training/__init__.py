"""How a language model is fine-tuned: the backends that compute a step."""

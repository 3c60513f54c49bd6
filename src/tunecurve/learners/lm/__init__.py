"""Language models on this machine: prompts, adapters, training, decoding."""

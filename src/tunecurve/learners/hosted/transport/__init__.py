"""How calls reach a provider and answers come back."""

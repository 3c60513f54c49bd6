"""A tuned model for other tools: converted, scored again on the test rows, with a card beside it."""

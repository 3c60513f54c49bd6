"""A tuned model over HTTP, as OpenAI's clients ask for one; on this machine alone."""

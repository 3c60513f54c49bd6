"""The kinds of task, and what each brings along."""

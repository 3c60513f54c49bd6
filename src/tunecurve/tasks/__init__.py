"""The kinds of task: a file for each, whose `TASK` says everything that differs from kind to kind."""

"""Encoders with a head: taggers and classifiers. torch lives here, in `learners.torch` and in `learners.lm` only."""

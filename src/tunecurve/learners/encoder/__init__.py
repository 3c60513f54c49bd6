"""Encoders with a head: taggers and classifiers. torch lives here and in `learners.local` only."""

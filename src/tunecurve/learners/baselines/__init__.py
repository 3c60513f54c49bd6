"""Learners without torch: the floor, TF-IDF, Presidio."""

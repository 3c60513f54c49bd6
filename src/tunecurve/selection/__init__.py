"""Which rows to label next: ways of choosing them, replayed on rows that are labelled already."""

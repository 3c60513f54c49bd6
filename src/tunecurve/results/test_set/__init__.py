"""What the test rows of a study can show, and how many rows show more."""

"""What is shown of a study: tables, picture, HTML."""

"""Step 6: a page, figures, and answers about single rows."""

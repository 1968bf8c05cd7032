"""Step 4: softmaxes of a split, and what they score."""

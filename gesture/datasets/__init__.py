"""Raw formats in: one module each, all yield Sequence objects."""

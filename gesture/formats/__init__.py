"""Raw recordings: a module for each format, which reads it into `Sequence` objects."""

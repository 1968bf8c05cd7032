"""The experiment's configuration, and what follows from it alone."""

"""Faults made on purpose, to prove that a run survives them."""

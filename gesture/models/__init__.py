"""Networks, built from blocks."""

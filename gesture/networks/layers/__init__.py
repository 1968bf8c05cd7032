"""Keras layers and the networks that are built of them."""

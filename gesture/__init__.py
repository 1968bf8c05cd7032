"""Multimodal gesture recognition: raw recordings to one averaged prediction file."""

__version__ = "0.1.0"

"""Predictions tables, metrics, ensembles."""

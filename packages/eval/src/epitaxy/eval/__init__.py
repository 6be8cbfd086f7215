"""Metrics for generated crystals, each under a named protocol."""

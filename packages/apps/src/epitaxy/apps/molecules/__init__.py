"""Molecules: GeoBFN."""

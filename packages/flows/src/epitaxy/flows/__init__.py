"""Bayesian flows and diffusions on any manifold."""

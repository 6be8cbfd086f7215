"""Manifolds, von Mises, lattices and ragged batches in plain torch."""

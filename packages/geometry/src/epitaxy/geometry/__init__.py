"""Manifolds, von Mises, lattices and ragged batches in plain torch."""

from epitaxy.geometry.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__)

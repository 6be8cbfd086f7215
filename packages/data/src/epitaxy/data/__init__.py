"""Readers, cached datasets and loaders for crystals."""

from epitaxy.geometry.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__)

"""Readers, cached datasets and loaders for crystals."""

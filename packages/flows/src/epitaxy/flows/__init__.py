"""Bayesian flows and diffusions, of circular, real and categorical variables, under one protocol."""

from epitaxy.geometry.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__)

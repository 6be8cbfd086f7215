"""The models, ready to train and to sample, and their command lines.

Importing this module is cheap: what it exports is loaded when first used.
"""

from epitaxy.geometry.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__)

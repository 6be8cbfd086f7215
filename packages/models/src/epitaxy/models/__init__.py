"""Fast equivariant networks for crystals and molecules. They know no probability: tensors in, tensors out."""

from epitaxy.geometry.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__)

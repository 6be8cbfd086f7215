"""Fast equivariant networks for crystals and molecules."""

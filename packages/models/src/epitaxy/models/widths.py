"""Which widths can be divided among heads; cheap to import, for those who check words before they build."""


def check_width(hidden: int, heads: int) -> None:
    """Raise a ValueError if a width cannot be divided among heads."""
    if hidden % heads:
        raise ValueError(f"hidden = {hidden} is no multiple of the {heads} heads")


def check_pairs(hidden: int, heads: int) -> None:
    """Raise a ValueError if a width cannot be divided among heads, in pairs of channels."""
    if hidden % (2 * heads):
        raise ValueError(f"hidden = {hidden} is no multiple of twice the {heads} heads")

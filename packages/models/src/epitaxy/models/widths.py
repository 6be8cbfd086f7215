"""Which words of networks go together; cheap to import, for those who check words before they build."""


def check_width(hidden: int, heads: int) -> None:
    """Raise a ValueError if a width cannot be divided among heads."""
    if hidden % heads:
        raise ValueError(f"hidden = {hidden} is no multiple of the {heads} heads")


def check_pairs(hidden: int, heads: int) -> None:
    """Raise a ValueError if a width cannot be divided among heads, in pairs of channels."""
    if hidden % (2 * heads):
        raise ValueError(f"hidden = {hidden} is no multiple of twice the {heads} heads")


def check_counted(*, composition: bool, multiplicities: bool) -> None:
    """Raise a ValueError if a composition is asked for where nothing counts the atoms of orbits."""
    if composition and not multiplicities:
        raise ValueError("composition counts the atoms of orbits: it wants multiplicities as well")

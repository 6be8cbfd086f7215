"""Potentials by name."""

from epitaxy.eval.stability.ase_potential import AsePotential
from epitaxy.eval.stability.chgnet_potential import CHGNetPotential
from epitaxy.eval.stability.potential import Potential


def load_potential(name: str = "chgnet") -> Potential:
    """Find a potential by what it is called on a command line.

    Args:
        name: ``chgnet`` (weights 0.3.0), ``chgnet:0.2.0``, ``chgnet:r2scan``; ``ase:NAME`` for a calculator
            that ASE has, such as ``ase:emt``; ``package.module:Name`` for any class or function that returns
            an ASE calculator when called without arguments.

    Raises:
        ImportError: If what it needs is not installed; the message says how to install it.
        ValueError: If no potential has that name.

    """
    family, _, rest = name.partition(":")
    if family == "chgnet":
        return CHGNetPotential(weights=rest) if rest else CHGNetPotential()
    if family == "ase" and rest:
        return AsePotential(calculator=rest)
    if rest:
        return AsePotential(calculator=name)
    raise ValueError(
        f"no potential is called {name!r}: give chgnet, ase:NAME (such as ase:emt) or package.module:Name of "
        "an ASE calculator"
    )

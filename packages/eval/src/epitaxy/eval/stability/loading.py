"""Potentials by name."""

from epitaxy.eval.stability.ase_potential import AsePotential, Parameter
from epitaxy.eval.stability.chgnet_potential import CHGNetPotential
from epitaxy.eval.stability.potential import Potential
from epitaxy.eval.stability.sevennet_potential import WEIGHTS as SEVENNET
from epitaxy.eval.stability.sevennet_potential import SevenNetPotential


def load_potential(name: str = "chgnet") -> Potential:
    """Find a potential by what it is called on a command line.

    Args:
        name: ``chgnet`` (weights 0.3.0), ``chgnet:0.2.0``, ``chgnet:r2scan``; ``sevennet``,
            ``sevennet-l3i5``; ``ase:NAME`` for a calculator that ASE has, such as ``ase:emt``;
            ``package.module:Name`` for any class or function that returns an ASE calculator. Keyword words
            follow by commas, as in ``ase:lj,sigma=3.4`` or ``mace.calculators:mace_mp,model=small``:
            numbers, true and false are taken as such, all else as text.

    Raises:
        ImportError: If what it needs is not installed; the message says how to install it.
        ValueError: If no potential has that name, or a word is no KEY=VALUE.

    """
    called, *words = name.split(",")
    parameters = tuple(_word(word) for word in words)
    family, _, rest = called.partition(":")
    if family == "chgnet" or called in SEVENNET:
        if parameters:
            raise ValueError(f"{called} takes no keyword words, and {words[0]!r} is one")
        if called in SEVENNET:
            return SevenNetPotential(weights=called)
        return CHGNetPotential(weights=rest) if rest else CHGNetPotential()
    if rest:
        calculator = rest if family == "ase" else called
        return AsePotential(calculator=calculator, parameters=parameters)
    raise ValueError(
        f"no potential is called {called!r}: give chgnet, {', '.join(SEVENNET)}, ase:NAME (such as ase:emt) "
        f"or "
        "package.module:Name of an ASE calculator"
    )


def _word(text: str) -> Parameter:
    """Read one KEY=VALUE.

    Raises:
        ValueError: If it is none.

    """
    key, equals, value = (part.strip() for part in text.partition("="))
    if not (key.isidentifier() and equals and value):
        raise ValueError(f"{text!r} is no keyword word: write KEY=VALUE, as in ase:lj,sigma=3.4")
    if value.lower() in ("true", "false"):
        return key, value.lower() == "true"
    for read in (int, float):
        try:
            return key, read(value)
        except ValueError:
            continue
    return key, value

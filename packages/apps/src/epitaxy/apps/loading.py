"""One front door: any trained model by its name or folder."""

from typing import TYPE_CHECKING

from epitaxy.apps.foundation.folders import locate
from epitaxy.apps.generative.kind import kind_of
from epitaxy.apps.generative.recipes import load_recipe

if TYPE_CHECKING:
    from epitaxy.apps.asymmetric_units.generator import SymmBFN
    from epitaxy.apps.crystals.generator import KLDM, CrysBFN
    from epitaxy.apps.molecules.generator import GeoBFN


def load(name_or_path: str) -> "CrysBFN | KLDM | SymmBFN | GeoBFN":
    """Load a run, a model folder or a shipped model, of whatever kind it is.

    >>> load("kldm-perov-small").sample(formula="SrTiO3", num=20, seed=0)  # doctest: +SKIP

    Returns:
        A ``CrysBFN``, ``KLDM``, ``SymmBFN`` or ``GeoBFN``: what ``sample`` takes is that class's. A model
        from outside has the class that its kind names.

    Raises:
        UsageError: there is no such model.
        WorkError: one of its files is damaged.
    """
    kind = kind_of(load_recipe(locate(name_or_path)).model)
    generator: type[CrysBFN] | type[KLDM] | type[SymmBFN] | type[GeoBFN] = kind.generator
    return generator.load(name_or_path)

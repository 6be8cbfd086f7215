"""One front door: any trained model by its name or folder."""

from epitaxy.apps.errors import UsageError
from epitaxy.apps.folders import locate
from epitaxy.apps.generator import KLDM, CrysBFN
from epitaxy.apps.geobfn import GeoBFN
from epitaxy.apps.model_dir import load_recipe
from epitaxy.apps.symmbfn import SymmBFN

AnyGenerator = CrysBFN | KLDM | SymmBFN | GeoBFN


def load(name_or_path: str) -> AnyGenerator:
    """Load a run, a model folder or a shipped model, of whatever kind it is.

    >>> load("kldm-perov-small").sample(formula="SrTiO3", num=20, seed=0)  # doctest: +SKIP

    Returns:
        A ``CrysBFN``, ``KLDM``, ``SymmBFN`` or ``GeoBFN``: what ``sample`` takes is that class's.

    Raises:
        UsageError: there is no such model.
        WorkError: one of its files is damaged.
    """
    made_by = load_recipe(locate(name_or_path)).model
    kinds: tuple[type[AnyGenerator], ...] = (CrysBFN, KLDM, SymmBFN, GeoBFN)
    for kind in kinds:
        if made_by in kind.kinds:
            return kind.load(name_or_path)
    raise UsageError(f"{name_or_path} holds a {made_by} model, for which there is no Python class")

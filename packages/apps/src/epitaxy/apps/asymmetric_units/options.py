"""What ``sample`` is asked for by the words of SymmBFN's command."""

from dataclasses import dataclass
from pathlib import Path

from epitaxy.apps.asymmetric_units.generator import SymmBFN
from epitaxy.apps.asymmetric_units.model import WyckoffModel
from epitaxy.apps.asymmetric_units.requests import Symmetry, WyckoffRequest, for_compositions
from epitaxy.apps.crystals.data import compositions, load_crystals
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.generative.conditioning import parse_targets
from epitaxy.apps.generative.model_dir import LoadedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class WyckoffWords:
    """How many structures, of which symmetry, composition and properties."""

    num: int
    seed: int
    groups: list[str]
    systems: list[str]
    formulas: list[str]
    formula_units: int | None
    properties: list[str]
    guidance: float
    compositions: str | None
    split: str
    limit: int | None
    root: Path | None
    elements: str | None
    chemical_system: str | None
    without: str | None
    like: Path | None
    strength: float | None

    def requests(self, loaded: LoadedModel) -> list[WyckoffRequest]:
        """Return one request a structure.

        Raises:
            UsageError: words that do not go together, or that the model cannot meet.
        """
        model = loaded.model
        assert isinstance(model, WyckoffModel)
        if self.compositions is not None:
            return self._for_compositions(self.compositions, model)
        return SymmBFN(model).requests(
            num=self.num,
            seed=self.seed,
            spacegroup=self.groups,
            crystal_system=self.systems,
            formula=self.formulas,
            formula_units=self.formula_units,
            properties=parse_targets(self.properties),
            guidance=self.guidance,
            elements=self.elements,
            chemical_system=self.chemical_system,
            without=self.without,
            like=self.like,
            strength=self.strength,
        )

    def _for_compositions(self, name: str, model: WyckoffModel) -> list[WyckoffRequest]:
        if self.formulas or self.formula_units:
            raise UsageError("--formula and --compositions exclude each other: give one of them")
        if self.properties:
            raise UsageError(
                "--property does not go with --compositions: take --formula for each composition"
            )
        symmetry = Symmetry.parse(self.groups, self.systems)
        cells = compositions(load_crystals(name, self.split, root=self.root, limit=self.limit))
        return for_compositions(cells, symmetry, model.statistics, num=self.num, seed=self.seed)

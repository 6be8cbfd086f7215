"""What ``sample`` is asked for by the words of SymmBFN's command."""

from dataclasses import dataclass
from pathlib import Path

from epitaxy.apps.conditioning import parse_targets
from epitaxy.apps.model_dir import LoadedModel
from epitaxy.apps.sampling.wyckoff import WyckoffRequest
from epitaxy.apps.symmbfn import SymmBFN
from epitaxy.apps.wyckoff_model import WyckoffModel


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

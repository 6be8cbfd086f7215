"""What ``sample`` is asked for by the words of GeoBFN's command."""

from dataclasses import dataclass
from pathlib import Path

from epitaxy.apps.generative.conditioning import parse_targets
from epitaxy.apps.generative.model_dir import LoadedModel
from epitaxy.apps.molecules.generator import GeoBFN
from epitaxy.apps.molecules.model import MoleculeModel
from epitaxy.apps.requests.request import TargetedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class MoleculeWords:
    """How many molecules, of what size and properties."""

    num: int
    seed: int
    sizes: list[int]
    properties: list[str]
    guidance: float
    elements: str | None
    chemical_system: str | None
    without: str | None
    like: Path | None
    strength: float | None
    fix: Path | None
    free: str | None
    free_what: str | None

    def requests(self, loaded: LoadedModel) -> list[TargetedRequest]:
        """Return one request a molecule.

        Raises:
            UsageError: words that do not go together, or that the model cannot meet.
        """
        model = loaded.model
        assert isinstance(model, MoleculeModel)
        return GeoBFN(model).requests(
            num=self.num,
            seed=self.seed,
            num_atoms=self.sizes,
            properties=parse_targets(self.properties),
            guidance=self.guidance,
            elements=self.elements,
            chemical_system=self.chemical_system,
            without=self.without,
            like=self.like,
            strength=self.strength,
            fix=self.fix,
            free=self.free,
            free_what=self.free_what,
        )

"""What ``sample`` is asked for by the words of a crystal model's command."""

from dataclasses import dataclass
from pathlib import Path

from epitaxy.apps.crystals.data import compositions, load_crystals
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.apps.crystals.model import CrystalModel
from epitaxy.apps.crystals.requests import CrystalRequest, for_compositions
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.generative.model_dir import LoadedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class CrystalWords:
    """How many structures, and for which compositions."""

    num: int
    seed: int
    formulas: list[str]
    formula_units: int | None
    compositions: str | None
    split: str
    limit: int | None
    root: Path | None
    sizes: list[int]
    elements: str | None
    chemical_system: str | None
    without: str | None
    like: Path | None
    strength: float | None
    fix: Path | None
    free: str | None
    free_what: str | None

    def requests(self, loaded: LoadedModel) -> list[CrystalRequest]:
        """Return one request a structure.

        Raises:
            UsageError: words that do not go together, or that the model cannot meet.
        """
        model = loaded.model
        assert isinstance(model, CrystalModel)
        if self.compositions is None:
            return CrystalGenerator(model).requests(
                formula=self.formulas,
                num=self.num,
                seed=self.seed,
                formula_units=self.formula_units,
                num_atoms=self.sizes,
                elements=self.elements,
                chemical_system=self.chemical_system,
                without=self.without,
                like=self.like,
                strength=self.strength,
                fix=self.fix,
                free=self.free,
                free_what=self.free_what,
            )
        if self.formulas:
            raise UsageError("--formula and --compositions exclude each other: give one of them")
        if model.recipe.task != "csp":
            raise UsageError("--compositions needs a model trained with --task csp; this one chooses its own")
        if self.like or self.fix or self.strength is not None:
            raise UsageError("--compositions does not go with --like, --fix and --strength: give one of them")
        if self.formula_units or self.sizes or self.elements or self.chemical_system or self.without:
            raise UsageError(
                "--compositions says which atoms: leave out --formula-units, --num-atoms and elements"
            )
        dataset = load_crystals(self.compositions, self.split, root=self.root, limit=self.limit)
        return for_compositions(compositions(dataset), model.statistics, num=self.num, seed=self.seed)

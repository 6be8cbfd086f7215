"""What each model can make: read from its recipe and statistics, without its weights.

``epitaxy models`` prints it, refusals end with it, and a search asks it which models can serve.
"""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from epitaxy.apps.foundation.elements import SYMBOLS
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.folders import locate, shipped
from epitaxy.apps.foundation.names import ModelName
from epitaxy.data import DATASETS

_KINDS: tuple[ModelName, ...] = ("crysbfn", "kldm", "symmbfn", "geobfn")
_EXAMPLES = {
    "SrTiO3": {38: 1, 22: 1, 8: 3},
    "NaCl": {11: 1, 17: 1},
    "LiCoO2": {3: 1, 27: 1, 8: 2},
    "C": {6: 1},
}
"""Compositions to show, each with its atoms by atomic number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A property that can be asked for.

    Attributes:
        name: what it is called.
        meaning: what it is, with its unit; empty if that is not known.
        low: the smallest value that training had.
        high: the largest.
    """

    name: str
    meaning: str
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What one model can make.

    Attributes:
        name: a shipped model's name, or a path.
        path: its folder.
        model: which of the four.
        task: ``csp`` or ``dng``.
        dataset: what it was trained on.
        numbers: atomic numbers that it knows.
        sizes: atoms of a cell or molecule, each with how often training had it; None if not known.
        groups: space groups that training had; 0 where that is not a question.
        properties: what can be asked for.
        licence: of its data; empty if not known.
    """

    name: str
    path: Path
    model: ModelName
    task: str
    dataset: str
    numbers: frozenset[int]
    sizes: Mapping[int, int] | None
    groups: int = 0
    properties: Sequence[Property] = field(default_factory=tuple)
    licence: str = ""

    @property
    def makes_crystals(self) -> bool:
        """Whether it makes crystals, and no molecules."""
        return self.model != "geobfn"

    @property
    def takes_formulas(self) -> bool:
        """Whether it makes structures of a composition that it is given."""
        return self.makes_crystals and (self.task == "csp" or self.model == "symmbfn")

    def why_not(self, formula: str) -> str | None:
        """Say why it cannot make a composition; None if it can.

        Raises:
            UsageError: this is no formula.
        """
        from epitaxy.apps.requests.formulas import parse_formula  # pymatgen: a list of models needs none

        return self._why_not(formula, parse_formula(formula))

    def _why_not(self, formula: str, counts: Mapping[int, int]) -> str | None:
        if not self.takes_formulas:
            return "chooses its own compositions" if self.makes_crystals else "makes molecules"
        if unknown := self.unknown(counts):
            return f"was not trained on {', '.join(unknown)}"
        size = sum(counts.values())
        if self.sizes is not None and not any(n and atoms % size == 0 for atoms, n in self.sizes.items()):
            return f"was trained on cells of {self.span()} atoms, which no number of {formula} makes"
        return None

    def unknown(self, numbers: Iterable[int]) -> list[str]:
        """Return the symbols of those elements that it does not know."""
        return [SYMBOLS[z - 1] for z in sorted(set(numbers) - self.numbers)]

    def span(self) -> str:
        """Return the sizes, as in ``1 to 20``."""
        if not self.sizes:
            return "unknown numbers of"
        low, high = min(self.sizes), max(self.sizes)
        return str(low) if low == high else f"{low} to {high}"

    def command(self, formula: str | None = None) -> str:
        """Return one command to copy."""
        words = [self.model, "sample", self.name]
        if self.takes_formulas and (formula is not None or self.task == "csp"):
            words += ["--formula", formula or self._example()]
        return shlex.join([*words, "--num", "20", "--out", "out"])

    def _example(self) -> str:
        return next((f for f, counts in _EXAMPLES.items() if self._why_not(f, counts) is None), "NaCl")

    def lines(self) -> list[str]:
        """Describe it in a few lines."""
        what = "structures for a composition" if self.task == "csp" else "de novo"
        if self.model == "symmbfn":
            what = f"crystals of a given space group ({self.groups}), composition or property"
        elif not self.makes_crystals:
            what = "molecules"
        atoms = "cells" if self.makes_crystals else "molecules"
        return [
            f"makes      {what}; {atoms} of {self.span()} atoms",
            f"elements   {len(self.numbers)}: {_elements(self.numbers)}",
            *(
                f"property   {p.name}{f' ({p.meaning})' if p.meaning else ''}: {p.low:.4g} to {p.high:.4g}"
                for p in self.properties
            ),
            f"data       {self.dataset}{f', {self.licence}' if self.licence else ''}",
            f"try        {self.command()}",
        ]


def shipped_capabilities() -> list[Capability]:
    """Return what the models that come with this package can do."""
    return [read_capability(path, name) for name, path in shipped().items()]


def capability_of(name_or_path: str) -> Capability:
    """Return what a shipped model, a model folder or a run can do.

    Raises:
        UsageError: there is no such model, or its folder is damaged.
    """
    return read_capability(locate(name_or_path), name_or_path)


def read_capability(path: Path, name: str) -> Capability:
    """Read a model folder's recipe and statistics.

    Raises:
        UsageError: a damaged folder.
    """
    try:
        recipe = json.loads((path / "recipe.json").read_text(encoding="utf-8"))
        statistics = json.loads((path / "statistics.json").read_text(encoding="utf-8"))
        return _capability(path, name, recipe, statistics)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path} is damaged ({error}): copy or train the model again") from error


def _capability(
    path: Path, name: str, recipe: Mapping[str, Any], statistics: Mapping[str, Any]
) -> Capability:
    sizes = statistics.get("atoms_per_cell") or statistics.get("atoms_per_molecule")
    model = next(kind for kind in _KINDS if kind == recipe["model"])
    info = DATASETS.get(recipe["dataset"])
    return Capability(
        name=name,
        path=path,
        model=model,
        task=recipe["task"],
        dataset=recipe["dataset"],
        numbers=frozenset(int(z) for z in statistics["vocabulary"]),
        sizes=None if sizes is None else {int(size): int(seen) for size, seen in sizes.items()},
        groups=len(statistics.get("space_groups") or ()),
        properties=tuple(_properties(recipe, statistics, {} if info is None else info.properties)),
        licence="" if info is None else info.licence,
    )


def _properties(
    recipe: Mapping[str, Any], statistics: Mapping[str, Any], meanings: Mapping[str, str]
) -> Iterator[Property]:
    for name in (recipe.get("conditioning") or {}).get("properties", ()):
        known = statistics["properties"][name]
        yield Property(
            name=name, meaning=meanings.get(name, ""), low=float(known["min"]), high=float(known["max"])
        )


def _elements(numbers: Iterable[int]) -> str:
    """Return the symbols, runs of neighbours in the periodic table shortened: ``H-B, N, O``."""
    ordered = sorted(numbers)
    runs: list[list[int]] = []
    for number in ordered:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = []
    for run in runs:
        ends = [SYMBOLS[z - 1] for z in (run[0], run[-1])]
        words += [f"{ends[0]}-{ends[1]}"] if len(run) > 2 else [SYMBOLS[z - 1] for z in run]
    return ", ".join(words)


def advice(formula: str) -> str:
    """Return what to do for a composition with a model that cannot make it; ends a sentence that says so."""
    able = [found for found in shipped_capabilities() if found.why_not(formula) is None]
    if not able:
        return ""
    names = " and ".join(found.name for found in able)
    asked = shlex.join(["epitaxy", "search", formula, "--out", "out"])
    return f". {names} can: {able[0].command(formula)}; or all at once: {asked}"


@contextmanager
def advised(formulas: Sequence[str]) -> Iterator[None]:
    """End refusals of formulas with the models that could make them.

    Raises:
        UsageError: the one that was raised, with the advice.
    """
    try:
        yield
    except UsageError as error:
        for formula in formulas:
            if formula in str(error) and (more := _advice_or_nothing(formula)):
                raise UsageError(f"{error}{more}") from None
        raise


def _advice_or_nothing(formula: str) -> str:
    """Return the advice; nothing for what is no formula, which is said already."""
    try:
        return advice(formula)
    except UsageError:
        return ""

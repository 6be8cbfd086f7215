"""Which properties molecules have, measured by quantum chemistry."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float64

from epitaxy.eval.isolation import Failed, Progress, map_isolated
from epitaxy.eval.molecules.b3lyp import PROPERTY_UNITS, as_b3lyp, property_labels
from epitaxy.eval.molecules.ragged import Molecules, RaggedMolecules
from epitaxy.eval.molecules.xtb import electronic_structure, require_tblite

XTB_LIMIT = 60.0
"""Seconds for one molecule unless told otherwise. One of QM9 takes about 20 ms."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredProperties:
    """What :func:`measure_properties` found.

    Attributes:
        ids: The molecules' names, in order.
        values: One value a molecule by property, in the units `PROPERTY_UNITS`; NaN where it could not be
            measured.
        reasons: Why a molecule could not be measured, by its id.

    """

    ids: tuple[str, ...]
    values: Mapping[str, Float64[np.ndarray, " molecules"]]
    reasons: Mapping[str, str]

    def distances(
        self, targets: Mapping[str, Float64[np.ndarray, " molecules"]]
    ) -> Float64[np.ndarray, " molecules"]:
        """Return how far each molecule is from what was asked of it, in standard deviations of QM9's labels.

        The root of the sum of the squares over the properties that are asked for; a target that is NaN plays
        no part. NaN where what is asked could not be measured.

        Raises:
            ValueError: For a property that is not measured.

        """
        total = np.zeros(len(self.ids))
        for name, wanted in targets.items():
            if name not in self.values:
                raise ValueError(f"{name} is not measured: {', '.join(self.values)} are")
            off = (self.values[name] - wanted) / property_labels(name).std
            total += np.where(np.isfinite(wanted), off, 0.0) ** 2
        return np.asarray(np.sqrt(total), dtype=np.float64)


def measure_properties(
    molecules: RaggedMolecules | Molecules,
    *,
    workers: int = 0,
    timeout_s: float | None = XTB_LIMIT,
    progress: Progress | None = None,
) -> MeasuredProperties:
    """Measure the orbital energies at the gap and the dipole moments of molecules, as they lie.

    By GFN2-xTB, converted linearly to the values that QM9's labels have (B3LYP/6-31G(2df,p)):
    `property_labels` says how far off they are on molecules of its test split. Conversion knows H, C, N, O
    and F; molecules with others are not measured, nor radicals and what the method cannot settle, each with a
    reason. :func:`electronic_structure` gives what GFN2-xTB says itself, for elements up to radon.

    Args:
        molecules: A `MoleculeBatch`, or `Molecules`.
        workers: Worker processes; 0 works in this process. The figures do not depend on it.
        timeout_s: Seconds for one molecule; None for no limit.
        progress: Called as ``progress(done, total)`` after each molecule.

    Raises:
        ImportError: If tblite is missing.
        ValueError: If ``workers`` or ``timeout_s`` make no sense.
        RuntimeError: If a worker process cannot start.

    """
    require_tblite()
    held = Molecules.of(molecules)
    atoms = [(held.numbers[a:b], held.positions[a:b]) for a, b in pairwise(held.offsets)]
    outcomes = map_isolated(_properties, atoms, workers=workers, limit=timeout_s, progress=progress)
    values = {name: np.full(len(held), np.nan) for name in PROPERTY_UNITS}
    reasons = {}
    for place, outcome in enumerate(outcomes):
        if isinstance(outcome, Failed):
            reasons[held.ids[place]] = outcome.reason
            continue
        for name, value in outcome.value.items():
            values[name][place] = value
    return MeasuredProperties(ids=held.ids, values=values, reasons=reasons)


def _properties(atoms: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    numbers, positions = atoms
    return as_b3lyp(numbers, electronic_structure(numbers, positions))

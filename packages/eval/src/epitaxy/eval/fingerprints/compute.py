"""Fingerprints of many crystals, kept so that none is computed twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from pymatgen.core.structure import Structure

from epitaxy.eval.fingerprints.composition import COMPOSITION_LENGTH, composition_fingerprint
from epitaxy.eval.fingerprints.standard import standardised
from epitaxy.eval.fingerprints.structural import STRUCTURE_LENGTH, structure_fingerprint
from epitaxy.eval.resumable import Failed, JsonValue, Progress, resume_map, structure_key
from epitaxy.eval.shipped import shipped

TASK, VERSION = "coverage-fingerprint", 1

FINGERPRINT_LIMIT = 120.0
"""Wall-clock seconds for one crystal unless told otherwise. A site takes about 10 ms."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fingerprints:
    """Fingerprints of a set of crystals.

    Attributes:
        ids: The crystals, in the order given.
        structure: Structure fingerprints, a row a crystal; NaN where it has none.
        composition: Standardised composition fingerprints; NaN where it has none.
        failures: Why a crystal has none, by its id.

    """

    ids: tuple[str, ...]
    structure: Float[np.ndarray, "n 61"]
    composition: Float[np.ndarray, "n 132"]
    failures: Mapping[str, str]

    def usable(self) -> Bool[np.ndarray, " n"]:
        """Which crystals have fingerprints."""
        return np.array([name not in self.failures for name in self.ids], dtype=bool)


def fingerprint(
    structures: Mapping[str, Structure | None] | Sequence[Structure | None],
    *,
    cache: Path | None = None,
    workers: int | str = 0,
    timeout_s: float | None = FINGERPRINT_LIMIT,
    progress: Progress | None = None,
) -> Fingerprints:
    """Compute the fingerprints of coverage; a crystal for which that fails is named and costs only itself.

    As in CDVAE a crystal without a structure fingerprint has no composition fingerprint either.

    Args:
        structures: The crystals, by id or in order (their ids are then "0", "1", ...); None for an unreadable
            one.
        cache: A folder to keep them in, by content; None keeps nothing. Crystals of known test sets come with
            the package and need neither time nor a cache.
        workers: Worker processes, 0 for this process, or a Dask scheduler's address.
        timeout_s: Wall-clock seconds for one crystal; None for no limit.
        progress: Called as ``progress(done, total)``.

    Raises:
        ValueError: If ``workers`` or ``timeout_s`` make no sense, or the cache cannot be used.
        RuntimeError: If a worker process cannot start.

    """
    named = structures if isinstance(structures, Mapping) else {str(n): s for n, s in enumerate(structures)}
    readable = {name: s for name, s in named.items() if s is not None}
    failures = {name: "it could not be read" for name, s in named.items() if s is None}
    keys = [structure_key(s) for s in readable.values()]
    outcomes = resume_map(
        _entries,
        list(readable.values()),
        keys=keys,
        name=TASK,
        version=VERSION,
        known=shipped(TASK, VERSION, dict(zip(keys, readable.values(), strict=True))),
        cache=cache,
        workers=workers,
        limit=timeout_s,
        progress=progress,
    )
    structural: dict[str, JsonValue] = {}
    for name, outcome in zip(readable, outcomes, strict=True):
        if isinstance(outcome, Failed):
            failures[name] = outcome.reason
        else:
            structural[name] = outcome.value
    place = {name: n for n, name in enumerate(named)}
    structure = np.full((len(named), STRUCTURE_LENGTH), np.nan)
    composition = np.full((len(named), COMPOSITION_LENGTH), np.nan)
    if structural:
        rows = [place[name] for name in structural]
        structure[rows] = np.array(list(structural.values()), dtype=float)
        features = [composition_fingerprint(readable[name].composition) for name in structural]
        composition[rows] = standardised(np.array(features))
    return Fingerprints(
        ids=tuple(named),
        structure=structure,
        composition=composition,
        failures={name: failures[name] for name in named if name in failures},
    )


def _entries(structure: Structure) -> JsonValue:
    composition_fingerprint(structure.composition)  # one that fails leaves no fingerprint at all
    entries: list[float] = structure_fingerprint(structure).tolist()
    return [round(entry, 12) for entry in entries]

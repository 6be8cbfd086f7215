"""Scores of a set of generated molecules."""

from collections.abc import Collection, Sequence

import numpy as np

from epitaxy.eval.isolation import Done, Failed, Progress, map_isolated
from epitaxy.eval.molecules.bonds import Bonds
from epitaxy.eval.molecules.graphs import BondGraph, Identity, identify, require_rdkit
from epitaxy.eval.molecules.ragged import Molecules, RaggedMolecules
from epitaxy.eval.molecules.result import MoleculeResult
from epitaxy.eval.molecules.stability import measure_stability
from epitaxy.eval.molecules.tables import LAST, BondTable, bond_table, symbol

MOLECULE_LIMIT = 60.0
"""Wall-clock seconds for RDKit on one molecule unless told otherwise. One of QM9 takes about 0.3 ms."""


def evaluate_molecules(
    molecules: RaggedMolecules | Molecules,
    *,
    reference: Collection[str] | None = None,
    unreadable: Sequence[str] = (),
    table: str | BondTable = "edm",
    workers: int = 0,
    timeout_s: float | None = MOLECULE_LIMIT,
    progress: Progress | None = None,
) -> MoleculeResult:
    """Stability, validity, uniqueness, novelty and connectedness of generated molecules.

    Bonds are told from distances by the table, for all molecules at once; RDKit then judges one molecule
    after the other, so that one that hangs or kills its process costs only itself.

    Args:
        molecules: The samples: a `MoleculeBatch`, or `Molecules`.
        reference: The training set's SMILES, as `reference_smiles` or `canonical_smiles` gives them; None
            for no novelty.
        unreadable: Ids of samples that nobody could read; they count as failures in every rate of molecules.
        table: Bond lengths and valences, or their name in `BOND_TABLES`.
        workers: Worker processes for RDKit; 0 works in this process, where a crash is a crash. The figures do
            not depend on it.
        timeout_s: Wall-clock seconds for one molecule; None for no limit. One that takes longer is invalid.
        progress: Called as ``progress(done, total)`` after each molecule.

    Raises:
        ValueError: If no table has that name, or ``workers`` or ``timeout_s`` make no sense.
        ImportError: If RDKit is missing.
        RuntimeError: If a worker process cannot start.

    """
    require_rdkit()
    held, rule = Molecules.of(molecules), bond_table(table)
    stability = measure_stability(held, table=rule)
    outcomes = map_isolated(
        identify, _graphs(held, stability.bonds), workers=workers, limit=timeout_s, progress=progress
    )
    return MoleculeResult(
        molecules=held,
        table=rule,
        stability=stability,
        identities=tuple(_identity(outcome) for outcome in outcomes),
        failed={
            name: outcome.kind
            for name, outcome in zip(held.ids, outcomes, strict=True)
            if isinstance(outcome, Failed)
        },
        reference=None if reference is None else frozenset(reference),
        unreadable=tuple(unreadable),
    )


def reference_smiles(
    molecules: RaggedMolecules | Molecules,
    *,
    table: str | BondTable = "edm",
    workers: int = 0,
    progress: Progress | None = None,
) -> frozenset[str]:
    """Name the molecules of a training set from their coordinates, by the rule that the samples are named by.

    EDM names the whole training molecule and the sample's largest fragment; here it is the largest fragment
    of both. A training molecule that is invalid by the rule has no name and cannot make a sample known.

    Raises:
        ValueError: If no table has that name, or ``workers`` makes no sense.
        ImportError: If RDKit is missing.

    """
    require_rdkit()
    held = Molecules.of(molecules)
    graphs = _graphs(held, measure_stability(held, table=table).bonds)
    outcomes = map_isolated(identify, graphs, workers=workers, limit=MOLECULE_LIMIT, progress=progress)
    return frozenset(i.smiles for i in map(_identity, outcomes) if i.smiles is not None)


def _identity(outcome: Done[Identity] | Failed) -> Identity:
    return Identity(reason=outcome.reason) if isinstance(outcome, Failed) else outcome.value


def _graphs(held: Molecules, bonds: Bonds) -> list[BondGraph]:
    """Divide atoms and bonds by molecule."""
    doubts, offsets = _doubts(held, bonds), held.offsets
    owner = held.index[bonds.i]
    by_molecule = np.argsort(owner, kind="stable")
    start = offsets[owner]
    rows = np.stack([bonds.i - start, bonds.j - start, bonds.order], axis=1)[by_molecule].tolist()
    ends = np.searchsorted(owner[by_molecule], np.arange(len(held) + 1))
    numbers = held.numbers.tolist()
    return [
        BondGraph(
            numbers=tuple(numbers[offsets[n] : offsets[n + 1]]),
            bonds=tuple(map(tuple, rows[ends[n] : ends[n + 1]])),
            doubt=doubts.get(n),
        )
        for n in range(len(held))
    ]


def _doubts(held: Molecules, bonds: Bonds) -> dict[int, str]:
    """Why a molecule is invalid before RDKit is asked, by its place; the last of these reasons counts."""
    no_element = (held.numbers < 1) | (held.numbers > LAST)
    found = dict.fromkeys(
        held.index[bonds.undecided].tolist(), "two atoms are near whose bond length the table does not have"
    )
    for atom in np.flatnonzero(no_element).tolist():
        found[int(held.index[atom])] = f"{symbol(int(held.numbers[atom]))} is no element"
    broken = held.index[~np.isfinite(held.positions).all(axis=1)]
    return found | dict.fromkeys(broken.tolist(), "a coordinate is not a finite number")

"""What came of a set of generated molecules, one by one and in figures."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from epitaxy.eval.intervals import Interval, classes_interval, wilson_interval
from epitaxy.eval.molecules.graphs import Identity
from epitaxy.eval.molecules.ragged import Molecules
from epitaxy.eval.molecules.stability import Stability
from epitaxy.eval.molecules.tables import BondTable, symbol
from epitaxy.eval.report import Report

_DEFINITION = (
    "Bonds by distance alone (EDM's lengths and margins). Atom stability: atoms whose bond orders sum to a "
    "valence of their element, over all atoms. Molecule stability: molecules all of whose atoms are stable. "
    "Validity: RDKit sanitises the bond graph. Uniqueness: different canonical SMILES (largest fragment, "
    "hydrogens explicit) over valid molecules. Novelty: those not among the training set's, over the "
    "different ones. Connected: the bonds hold the molecule in one piece. Rates of molecules are over all "
    "samples, unreadable ones included as failures."
)
_SAMPLE_SIZE = "falls with the number of samples: compare only sets of one size"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MoleculeResult:
    """The result of :func:`evaluate_molecules`.

    Attributes:
        molecules: The samples that could be read, in the order given.
        table: The bond table.
        stability: Their bonds, stability and fragments.
        identities: RDKit's verdict on each.
        failed: Ids of those that RDKit hung or crashed on, with ``time``, ``error`` or ``crash``.
        reference: The training set's SMILES; None if novelty was not asked for.
        unreadable: Ids of samples that nobody could read.

    """

    molecules: Molecules
    table: BondTable
    stability: Stability
    identities: tuple[Identity, ...]
    failed: Mapping[str, str]
    reference: frozenset[str] | None
    unreadable: tuple[str, ...]

    def unique(self) -> frozenset[str]:
        """Different SMILES of the valid samples."""
        return frozenset(i.smiles for i in self.identities if i.smiles is not None)

    def _copies(self, *, stable_only: bool = False) -> Counter[str]:
        """Count the valid samples of each SMILES, all of them or only the stable."""
        stable = self.stability.stable.tolist()
        return Counter(
            identity.smiles
            for identity, ok in zip(self.identities, stable, strict=True)
            if identity.smiles is not None and (ok or not stable_only)
        )

    def novel(self) -> frozenset[str]:
        """Those of them that the training set does not have.

        Raises:
            ValueError: If no training set was given.

        """
        if self.reference is None:
            raise ValueError("novelty needs the training set's SMILES: give them as `reference`")
        return self.unique() - self.reference

    def counts(self) -> dict[str, int]:
        """How many of what."""
        stable, connected = self.stability.stable, self.stability.connected
        valid = np.array([bool(identity) for identity in self.identities], dtype=bool)
        known = {} if self.reference is None else {"novel": len(self.novel())}
        unknown = self.stability.bonds.unknown.values()
        return {
            "samples": len(self.molecules) + len(self.unreadable),
            "unreadable": len(self.unreadable),
            "atoms": len(self.molecules.numbers),
            "stable_atoms": int(self.stability.stable_atoms.sum()),
            "stable": int(stable.sum()),
            "valid": int(valid.sum()),
            "unique": len(self.unique()),
            **known,
            "stable_valid_unique": len(self._copies(stable_only=True)),
            "connected": int(connected.sum()),
            "stable_connected": int((stable & connected).sum()),
            "valid_connected": int((valid & connected).sum()),
            **{
                f"failed_{kind}": list(self.failed.values()).count(kind)
                for kind in ("time", "error", "crash")
            },
            "unknown_pairs": sum(pair.pairs for pair in unknown),
            "unknown_pairs_near": sum(pair.near for pair in unknown),
            "atoms_without_valence": sum(self.without_valence().values()),
        }

    def without_valence(self) -> dict[str, int]:
        """How many atoms there are of each element that the table knows no valence of."""
        kinds, counts = np.unique(self.molecules.numbers, return_counts=True)
        return {
            symbol(number): count
            for number, count in zip(kinds.tolist(), counts.tolist(), strict=True)
            if number not in self.table.valences
        }

    def _without_hydrogens(self) -> int:
        """How many samples of several atoms lack both hydrogens and stability."""
        hydrogens = self.molecules.sums(self.molecules.numbers == 1)
        several = self.molecules.counts > 1
        return int((several & (hydrogens == 0) & ~self.stability.stable).sum())

    def report(self) -> Report:
        """Give the figures with their intervals, counts and notes."""
        counts = self.counts()
        metrics = self._metrics(counts)
        intervals = self._intervals(counts)
        return Report(
            protocol={
                "name": "molecules",
                "definition": _DEFINITION,
                "parameters": {
                    "bond_table": self.table.name,
                    "margins_pm": list(self.table.margins),
                    "source": self.table.source,
                    "reference_molecules": None if self.reference is None else len(self.reference),
                },
            },
            counts=counts,
            metrics=metrics,
            intervals={name: interval for name, interval in intervals.items() if interval is not None},
            notes=self._notes(metrics),
            ids={"unreadable": self.unreadable, "failed": tuple(self.failed)},
        )

    def details(self) -> dict[str, object]:
        """Give the verdicts on every molecule, by id, as plain JSON values."""
        stable_atoms = self.molecules.sums(self.stability.stable_atoms).tolist()
        return {
            name: {
                "atoms": int(self.molecules.counts[n]),
                "stable_atoms": stable_atoms[n],
                "stable": bool(self.stability.stable[n]),
                "fragments": int(self.stability.fragments[n]),
                "smiles": self.identities[n].smiles,
                "reason": self.identities[n].reason,
            }
            for n, name in enumerate(self.molecules.ids)
        }

    def to_json(self) -> dict[str, object]:
        """Give the report as plain JSON values: protocol, counts, metrics, intervals, notes, ids."""
        return self.report().to_json()

    def _metrics(self, counts: Mapping[str, int]) -> dict[str, float | None]:
        samples = counts["samples"]
        return {
            "atom_stability": _rate(counts["stable_atoms"], counts["atoms"]),
            "molecule_stability": _rate(counts["stable"], samples),
            "validity": _rate(counts["valid"], samples),
            "uniqueness": _rate(counts["unique"], counts["valid"]),
            "novelty": _rate(counts.get("novel"), counts["unique"]),
            "validity_x_uniqueness": _rate(counts["unique"], samples),
            "stable_valid_unique": _rate(counts["stable_valid_unique"], samples),
            "connected": _rate(counts["connected"], samples),
            "stable_connected": _rate(counts["stable_connected"], samples),
            "valid_connected": _rate(counts["valid_connected"], samples),
        }

    def _intervals(self, counts: Mapping[str, int]) -> dict[str, Interval | None]:
        names = {
            "molecule_stability": "stable",
            "validity": "valid",
            **{name: name for name in ("connected", "stable_connected", "valid_connected")},
        }
        intervals = {name: wilson_interval(counts[of], counts["samples"]) for name, of in names.items()}
        intervals["atom_stability"] = pooled_interval(
            self.molecules.sums(self.stability.stable_atoms), self.molecules.counts
        )
        copies, good = self._copies(), self._copies(stable_only=True)
        intervals["uniqueness"] = _different(copies, counts["valid"])
        intervals["validity_x_uniqueness"] = _different(copies, counts["samples"])
        intervals["stable_valid_unique"] = _different(good, counts["samples"])
        if "novel" in counts:
            intervals["novelty"] = wilson_interval(counts["novel"], counts["unique"])
        return intervals

    def _notes(self, metrics: Mapping[str, float | None]) -> dict[str, str]:
        if self.molecules.ids:
            none = "no sample is valid"
        else:
            none = "no sample could be read" if self.unreadable else "there are no samples"
        notes = {name: none for name, value in metrics.items() if value is None}
        if self.reference is None:
            notes["novelty"] = "no training set was given"
        sized = ("uniqueness", "validity_x_uniqueness", "stable_valid_unique")
        notes |= {name: _SAMPLE_SIZE for name in sized if metrics[name] is not None}
        if self.molecules.lacks_hydrogens:
            notes["hydrogens"] = (
                "no sample has a hydrogen: an atom is stable here only with all its bonds, so stability says "
                "little, and validity fills hydrogens in; a reference must be without them too"
            )
        elif bare := self._without_hydrogens():
            notes["hydrogens"] = (
                f"{bare} samples have no hydrogen and an atom that is not stable: where hydrogens were left "
                f"out, validity fills them in, and stability and novelty say nothing"
            )
        if pairs := self.stability.bonds.unknown:
            named = ", ".join(f"{name}: {p.pairs} ({p.near} near)" for name, p in pairs.items())
            notes["unknown_pairs"] = (
                f"{self.table.name} has no bond length for {named}; a near pair makes its atoms unstable and "
                f"its molecule invalid, a far one is not bonded"
            )
        if elements := self.without_valence():
            named = ", ".join(f"{name}: {count}" for name, count in elements.items())
            notes["atoms_without_valence"] = (
                f"{self.table.name} has no valence for {named}; such an atom is not stable"
            )
        if self.table.valences.get(16) == (4,) and bool((self.molecules.numbers == 16).any()):
            notes["sulfur"] = (
                f"{self.table.name} counts sulfur as stable with four bonds only, as the published figures "
                f"do; the table edm_sulfur has 2, 4 and 6"
            )
        return notes


def pooled_interval(successes: np.ndarray, trials: np.ndarray) -> Interval | None:
    """Compute the 95 % interval of a rate pooled over groups whose members are alike; None without groups.

    Atoms of a molecule are stable or not together, so they are fewer independent trials than their number.
    Wilson's interval is taken with the effective number, trials / design effect (Kish, Survey Sampling, 1965;
    the variance of a ratio over groups), and with the number of groups where all trials end alike.
    """
    groups, total = len(trials), int(trials.sum())
    if groups == 0 or total == 0:
        return None
    rate = int(successes.sum()) / total
    effective = float(groups)
    if 0 < rate < 1 and groups > 1:
        between = float(np.square(successes - rate * trials).sum()) * groups / (groups - 1) / total**2
        effective = min(float(total), rate * (1 - rate) / between) if between > 0 else float(total)
    size = max(1, round(effective))
    low, high = wilson_interval(round(rate * size), size) or (0.0, 1.0)
    return min(low, rate), max(high, rate)


def _different(copies: Mapping[str, int], trials: int) -> Interval | None:
    """Compute the interval of a number of different SMILES over trials; None without trials."""
    if trials == 0:
        return None
    return classes_interval(len(copies), sum(count == 1 for count in copies.values()), trials)


def _rate(count: int | None, total: int) -> float | None:
    return count / total if count is not None and total else None

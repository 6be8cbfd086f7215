"""Which samples are the same crystal, and which are known from training.

Two crystals are the same when pymatgen's ``StructureMatcher`` fits each onto the other. Its ``fit`` looks in
one direction only, and for a few pairs the answer depends on which; asking both ways, as its
``symmetric=True`` does, makes "the same" a relation that knows no order. It is still not transitive (a like
b, b like c, a unlike c), so counting classes greedily would depend on the samples' order. Here classes are
the connected components of that relation: the same for any order of the samples. A chain of ever so slightly
different crystals is then one class, where greedy counting finds more.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.lattice import Lattice
from pymatgen.core.periodic_table import DummySpecies, Species
from pymatgen.core.structure import Structure

from epitaxy.eval.dng.large import refuse_large
from epitaxy.eval.resumable import Failed, Progress, joint_key, resume_map, structure_key

COMPARISON_LIMIT = 300.0
"""Wall-clock seconds for one sample against all others of its composition. A pair takes some milliseconds."""

_VERSION = 1

Formula = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """Who is whose copy.

    Attributes:
        ids: All samples, in the order given.
        representative: Of each sample that could be compared the first sample of its class, perhaps itself.
        known: Of each such sample that a training crystal is the same as, the first of these; None if no
            training crystals were given.
        failures: Why a sample could not be compared, by its id.
        train_failures: Why a training crystal could not be, of those that share a composition with a sample.

    """

    ids: tuple[str, ...]
    representative: Mapping[str, str]
    known: Mapping[str, str] | None
    failures: Mapping[str, str]
    train_failures: Mapping[str, str]

    def classes(self) -> dict[str, tuple[str, ...]]:
        """List the members of each class by its representative, in the order given."""
        members: defaultdict[str, list[str]] = defaultdict(list)
        for name, first in self.representative.items():
            members[first].append(name)
        return {first: tuple(names) for first, names in members.items()}

    def novel_classes(self) -> tuple[str, ...]:
        """List the classes of which no member is known from training, by their representatives.

        Raises:
            ValueError: If no training crystals were given.

        """
        if self.known is None:
            raise ValueError("novelty needs the training crystals: give them as `train`")
        known = self.known
        return tuple(
            first for first, names in self.classes().items() if not any(name in known for name in names)
        )


def find_duplicates(
    samples: Mapping[str, Structure | None],
    train: Mapping[str, Structure] | Sequence[Structure] | None = None,
    *,
    matcher: StructureMatcher | None = None,
    cache: Path | None = None,
    workers: int | str = 0,
    timeout_s: float | None = COMPARISON_LIMIT,
    progress: Progress | None = None,
) -> Duplicates:
    """Compare every sample with the samples before it and the training crystals, of its composition only.

    Cells are reduced to primitive ones once each; then only crystals with equally many atoms in them are
    compared, unless the matcher looks for supercells. Oxidation states play no part.

    Args:
        samples: The samples by id; None for an unreadable one.
        train: The training crystals, by id or in order; None for no novelty.
        matcher: Says what is the same; None for pymatgen's default (ltol 0.2, stol 0.3, angle 5).
        cache: A folder to keep comparisons in; None keeps nothing.
        workers: Worker processes, 0 for this process, or a Dask scheduler's address.
        timeout_s: Wall-clock seconds for one sample against its mates; None for no limit.
        progress: Called as ``progress(done, total)``, in samples to be compared.

    Raises:
        ValueError: If the matcher matches subsets, anonymously or ignores species, or ``workers`` or
            ``timeout_s`` make no sense.
        RuntimeError: If a worker process cannot start.

    """
    rule = StructureMatcher() if matcher is None else matcher
    settings = _settings(rule)
    trained = _named(train)
    plain, failures = _comparable(samples)
    known_plain, _ = _comparable(trained)
    formulas = {name: _formula(s) for name, s in plain.items()}
    wanted = set(formulas.values())
    trained_formulas = {n: f for n, f in ((n, _formula(s)) for n, s in known_plain.items()) if f in wanted}
    run = _Run(rule, settings, cache, workers, timeout_s)
    shared = _shared(formulas, trained_formulas)
    reduced, not_reduced = run.reduce({name: plain[name] for name in shared[0]})
    train_reduced, train_failures = run.reduce({name: known_plain[name] for name in shared[1]})
    failures |= not_reduced
    rows = _rows(reduced, train_reduced, formulas, trained_formulas, whole=settings["attempt_supercell"])
    links, known, failed = run.compare(rows, progress)
    failures |= failed
    compared = [name for name in samples if name in plain and name not in failures]
    return Duplicates(
        ids=tuple(samples),
        representative=_components(compared, links),
        known=None if train is None else {name: known[name] for name in compared if name in known},
        failures={name: failures[name] for name in samples if name in failures},
        train_failures=train_failures,
    )


def matcher_settings(matcher: StructureMatcher) -> dict[str, Any]:
    """Give what a matcher was made with, as JSON values."""
    made = matcher.as_dict()  # type: ignore[no-untyped-call]  # pymatgen left it unannotated
    return {name: value for name, value in made.items() if not name.startswith("@")}


def _settings(matcher: StructureMatcher) -> dict[str, Any]:
    settings = matcher_settings(matcher)
    if settings["allow_subset"] or settings["ignored_species"]:
        raise ValueError(
            "a matcher of subsets, or one that ignores species, tells no crystals apart; give another"
        )
    return settings


def _named(crystals: Mapping[str, Structure] | Sequence[Structure] | None) -> Mapping[str, Structure]:
    if crystals is None:
        return {}
    return crystals if isinstance(crystals, Mapping) else {str(n): s for n, s in enumerate(crystals)}


def _comparable(
    crystals: Mapping[str, Structure | None] | Mapping[str, Structure],
) -> tuple[dict[str, Structure], dict[str, str]]:
    plain: dict[str, Structure] = {}
    failures: dict[str, str] = {}
    for name, crystal in crystals.items():
        if crystal is None:
            failures[name] = "it could not be read"
        elif len(crystal) == 0:
            failures[name] = "no atoms"
        elif not crystal.is_ordered:
            failures[name] = "partial occupancy: the matcher compares whole atoms; choose an ordered variant"
        elif any(isinstance(species, DummySpecies) for species in crystal.composition):
            failures[name] = "a site holds what is no element"
        elif any(isinstance(species, Species) for species in crystal.composition):
            plain[name] = crystal.copy().remove_oxidation_states()
        else:
            plain[name] = crystal
    return plain, failures


def _formula(structure: Structure) -> Formula:
    counts: defaultdict[str, int] = defaultdict(int)
    for site in structure:
        counts[site.specie.symbol] += 1
    divisor = gcd(*counts.values())
    return tuple(sorted((symbol, count // divisor) for symbol, count in counts.items()))


def _shared(formulas: Mapping[str, Formula], trained: Mapping[str, Formula]) -> tuple[list[str], list[str]]:
    """List those that have anything to be compared with: samples and training crystals."""
    mates: defaultdict[Formula, int] = defaultdict(int)
    for formula in (*formulas.values(), *trained.values()):
        mates[formula] += 1
    return [name for name, formula in formulas.items() if mates[formula] > 1], list(trained)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One sample and what it must be compared with."""

    name: str
    mates: tuple[str, ...]
    train: tuple[str, ...]
    structures: tuple[Structure, ...]  # itself, its mates, the training crystals


def _rows(
    samples: Mapping[str, Structure],
    train: Mapping[str, Structure],
    formulas: Mapping[str, Formula],
    trained: Mapping[str, Formula],
    *,
    whole: bool,
) -> list[_Row]:
    def bucket(formula: Formula, structure: Structure) -> tuple[Formula, int]:
        return formula, 0 if whole else len(structure)

    known: defaultdict[tuple[Formula, int], list[str]] = defaultdict(list)
    for name, structure in train.items():
        known[bucket(trained[name], structure)].append(name)
    before: defaultdict[tuple[Formula, int], list[str]] = defaultdict(list)
    rows = []
    for name, structure in samples.items():
        place = bucket(formulas[name], structure)
        mates, others = tuple(before[place]), tuple(known.get(place, ()))
        before[place].append(name)
        if mates or others:
            held = (structure, *(samples[n] for n in mates), *(train[n] for n in others))
            rows.append(_Row(name=name, mates=mates, train=others, structures=held))
    return rows


@dataclass(frozen=True, slots=True)
class _Run:
    """How to reduce and compare: the matcher, and where and how long to work."""

    matcher: StructureMatcher
    settings: dict[str, Any]
    cache: Path | None
    workers: int | str
    limit: float | None

    def reduce(self, crystals: Mapping[str, Structure]) -> tuple[dict[str, Structure], dict[str, str]]:
        outcomes = resume_map(
            _Reduce(bool(self.settings["primitive_cell"])),
            list(crystals.values()),
            keys=[structure_key(s) for s in crystals.values()],
            name="reduce",
            version=_VERSION,
            parameters={"primitive_cell": self.settings["primitive_cell"]},
            cache=self.cache,
            workers=self.workers,
            limit=self.limit,
        )
        reduced: dict[str, Structure] = {}
        failures: dict[str, str] = {}
        for name, outcome in zip(crystals, outcomes, strict=True):
            if isinstance(outcome, Failed):
                failures[name] = outcome.reason
            else:
                reduced[name] = _unpacked(outcome.value)
        return reduced, failures

    def compare(
        self, rows: Sequence[_Row], progress: Progress | None
    ) -> tuple[dict[str, list[str]], dict[str, str], dict[str, str]]:
        """Give each sample's copies among its mates, its first copy in training, and failures."""
        keys = _memoised_keys(rows)
        outcomes = resume_map(
            _Compare(self.matcher),
            [(row.structures, len(row.mates)) for row in rows],
            keys=keys,
            name="compare",
            version=_VERSION,
            parameters={"matcher": self.settings},
            cache=self.cache,
            workers=self.workers,
            limit=self.limit,
            progress=progress,
        )
        links: dict[str, list[str]] = {}
        known: dict[str, str] = {}
        failures: dict[str, str] = {}
        for row, outcome in zip(rows, outcomes, strict=True):
            if isinstance(outcome, Failed):
                failures[row.name] = f"compared with others of its composition: {outcome.reason}"
                continue
            found: Any = outcome.value
            links[row.name] = [row.mates[n] for n in found["mates"]]
            if found["train"] is not None:
                known[row.name] = row.train[found["train"]]
        return links, known, failures


def _memoised_keys(rows: Sequence[_Row]) -> list[str]:
    made: dict[int, str] = {}
    for row in rows:
        for structure in row.structures:
            if id(structure) not in made:
                made[id(structure)] = structure_key(structure)
    return [joint_key(str(len(row.mates)), *(made[id(s)] for s in row.structures)) for row in rows]


@dataclass(frozen=True, slots=True)
class _Reduce:
    """Does once what the matcher would do for each pair: Niggli-reduce, then find a primitive cell."""

    primitive: bool

    def __call__(self, structure: Structure) -> dict[str, Any]:
        refuse_large(structure)
        reduced = structure.get_reduced_structure(reduction_algo="niggli")
        if self.primitive:
            reduced = reduced.get_primitive_structure()
        return {
            "lattice": reduced.lattice.matrix.tolist(),
            "species": [site.specie.symbol for site in reduced],
            "positions": reduced.frac_coords.tolist(),
        }


def _unpacked(found: Any) -> Structure:
    return Structure(Lattice(found["lattice"]), found["species"], found["positions"])


@dataclass(frozen=True, slots=True)
class _Compare:
    """Compares the first of some reduced crystals with the others."""

    matcher: StructureMatcher

    def __call__(self, item: tuple[tuple[Structure, ...], int]) -> dict[str, Any]:
        (own, *others), mates = item
        return {
            "mates": [n for n, other in enumerate(others[:mates]) if self._same(own, other)],
            "train": next((n for n, other in enumerate(others[mates:]) if self._same(own, other)), None),
        }

    def _same(self, first: Structure, second: Structure) -> bool:
        return bool(self.matcher.fit(first, second, symmetric=False, skip_structure_reduction=True)) and bool(
            self.matcher.fit(second, first, symmetric=False, skip_structure_reduction=True)
        )


def _components(names: Sequence[str], links: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Name of each its component's first member (union-find; the earlier of two roots stays)."""
    place = {name: n for n, name in enumerate(names)}
    root = list(range(len(names)))

    def find(n: int) -> int:
        while root[n] != n:
            root[n] = root[root[n]]
            n = root[n]
        return n

    for name, copies in links.items():
        for copy in copies:
            if name in place and copy in place:
                first, second = sorted((find(place[name]), find(place[copy])))
                root[second] = first
    return {name: names[find(n)] for name, n in place.items()}

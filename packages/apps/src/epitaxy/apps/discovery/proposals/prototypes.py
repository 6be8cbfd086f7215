"""Known crystals with their elements replaced: what people do today."""

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pymatgen.analysis.structure_prediction.volume_predictor import DLSVolumePredictor, RLSVolumePredictor
from pymatgen.core import Element, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from epitaxy.apps.discovery.proposals.groups import may_be_in
from epitaxy.apps.discovery.proposals.proposal import Origin, Proposal, Proposer, Source
from epitaxy.apps.discovery.proposals.spacings import Spacings
from epitaxy.apps.discovery.proposals.stream import Scheduled
from epitaxy.apps.discovery.question import Amounts, formula_of
from epitaxy.apps.discovery.reference import Reference

BATCH = 4
SYMPREC = 0.1
"""Angstrom, for what counts as the same structure type."""

Replacement = tuple[tuple[str, str], ...]
"""Pairs of an element of the known crystal and what stands in its place."""
Label = tuple[int, tuple[tuple[str, str], ...]]
"""Space group, and each element with the Wyckoff letters of its atoms."""


class Prototypes:
    """Known crystals of the same anonymous formula, elements replaced in all distinct ways, volume scaled.

    The chemically closest come first: Pettifor's numbers of what is replaced and what replaces it are close
    together. Of each structure type (space group and Wyckoff positions of each element) the closest one
    is tried before the second of any: the others most often relax to the same. What has the spacings of an
    earlier one would be the same candidate and is left out: of 1,200 Heusler compounds few differ. Where a
    space group is asked for, those of others are passed over.
    """

    def __init__(self, reference: Reference, amounts: Amounts, group: int | None = None) -> None:
        self._reference, self._amounts, self._group = reference, amounts, group
        self._size = BATCH if group is None else 1  # types of one group are rare: the first comes at once
        self._made: list[Proposal] = []
        self._rest = self._proposals()

    @property
    def kind(self) -> Source:
        """Known structure types."""
        return "prototypes"

    @property
    def name(self) -> str:
        """The kind's."""
        return "prototypes"

    def batch(self, number: int) -> Sequence[Proposal] | None:
        """Return a batch; None when every known crystal was tried."""
        end = (number + 1) * self._size
        self._made += itertools.islice(self._rest, max(0, end - len(self._made)))
        return self._made[end - self._size : end] or None

    def _proposals(self) -> Iterator[Proposal]:
        """Yield the closest of each structure type, then all others."""
        seen: set[Label] = set()
        alike = Spacings()
        later: list[tuple[int, Replacement]] = []
        for number, replacement in self._ways():
            structure = substituted(self._reference.make(number), dict(replacement))
            if self._group is not None and not may_be_in(self._group, self._amounts, len(structure)):
                continue  # spglib takes a hundred times as long
            if self._group is None and alike.met(structure):
                continue
            label = structure_type(structure)
            if self._group not in (None, label[0]):
                continue
            if label in seen:
                later.append((number, replacement))
                continue
            seen.add(label)
            yield self._proposal(number, replacement)
        for number, replacement in later:
            yield self._proposal(number, replacement)

    def _ways(self) -> list[tuple[int, Replacement]]:
        ways = [
            (number, replacement)
            for number in self._reference.of_type(self._amounts)
            for replacement in replacements(self._reference.amounts[number], self._amounts)
        ]
        return sorted(ways, key=lambda way: (chemical_distance(way[1], self._amounts), way[0], way[1]))

    def _proposal(self, number: int, replacement: Replacement) -> Proposal:
        known = self._reference.make(number)
        words = ", ".join(f"{new} for {old}" for old, new in replacement if old != new)
        name = f"{self._reference.ids[number]} {formula_of(self._reference.amounts[number])}"
        origin = Origin(kind="prototypes", by="prototypes", detail=f"{name} with {words}" if words else name)
        return Proposal(origin=origin, structure=scaled(known, dict(replacement)))


def prototype_proposer(
    reference: Reference, compositions: Sequence[Amounts], *, group: int | None = None
) -> Proposer:
    """Return the known structure types (of a space group) of one composition, or of several in turn."""
    makers: list[Callable[[], Proposer]] = [
        partial(Prototypes, reference, amounts, group) for amounts in compositions
    ]
    return makers[0]() if len(makers) == 1 else Scheduled("prototypes", "prototypes", makers)


def replacements(known: Amounts, asked: Amounts) -> list[Replacement]:
    """List all ways to put the asked elements in the places of known ones with equal amounts."""
    old = sorted(known)
    return [
        tuple(zip(old, new, strict=True))
        for new in itertools.permutations(sorted(asked))
        if all(known[a] == asked[b] for a, b in zip(old, new, strict=True))
    ]


def chemical_distance(replacement: Replacement, asked: Amounts) -> float:
    """Return the mean difference of Pettifor's (Mendeleev) numbers over the atoms."""
    total = sum(asked.values())
    return (
        sum(
            abs(float(Element(old).mendeleev_no or 0) - float(Element(new).mendeleev_no or 0)) * asked[new]
            for old, new in replacement
        )
        / total
    )


def substituted(known: Structure, replacement: Mapping[str, str]) -> Structure:
    """Return a known crystal with its elements replaced, cell and positions as they are."""
    return Structure(known.lattice, [replacement[site.specie.symbol] for site in known], known.frac_coords)


def scaled(known: Structure, replacement: Mapping[str, str]) -> Structure:
    """Return it with the volume that the elements' radii make of the known one."""
    made = substituted(known, replacement)
    if all(old == new for old, new in replacement.items()):
        return made
    by_radii: Any = RLSVolumePredictor  # pymatgen left both unannotated
    by_bonds: Any = DLSVolumePredictor
    with warnings.catch_warnings():  # it says that radii are rough
        warnings.simplefilter("ignore")
        try:
            volume = by_radii(check_isostructural=False).predict(made, known)
        except Exception:  # elements without radii, or cells that it knows no bonds in
            volume = by_bonds().predict(made)
    made.scale_lattice(volume)
    return made


def structure_type(structure: Structure) -> Label:
    """Return space group and Wyckoff letters by element: equal for crystals of one structure type, mostly."""
    try:
        found = SpacegroupAnalyzer(structure, symprec=SYMPREC).get_symmetry_dataset()
    except Exception:  # spglib's refusals have many types; a crystal without a name is a type of its own
        found = None
    if found is None:
        return 0, tuple((s.specie.symbol, str(s.frac_coords.round(3).tolist())) for s in structure)
    letters: dict[str, list[str]] = {}
    for atom in sorted(set(found.equivalent_atoms.tolist())):
        letters.setdefault(structure[atom].specie.symbol, []).append(found.wyckoffs[atom])
    return int(found.number), tuple((s, "".join(sorted(some))) for s, some in sorted(letters.items()))

"""Known crystals: whose structure types are tried, and what candidates are compared with."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from math import gcd
from pathlib import Path

from pymatgen.core import Element, Structure

from epitaxy.apps.crystals.data import load_crystals
from epitaxy.apps.discovery.question import Amounts, Question, amounts_of
from epitaxy.apps.evaluation.crystals import divide, has_splits, known_crystals
from epitaxy.apps.foundation.checks import check_there
from epitaxy.data import DATASETS, CrystalDataset, locate
from epitaxy.data.locations import splits_here

DEFAULTS = ("mp_20", "prototypes")
"""Datasets of known crystals, the first that is on this machine; the last comes with the packages."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """Known crystals, made into structures when they are needed.

    Attributes:
        source: what they are called.
        ids: one a crystal.
        amounts: the composition of each.
        make: makes one.
    """

    source: str
    ids: Sequence[str]
    amounts: Sequence[Amounts]
    make: Callable[[int], Structure]

    @cached_property
    def _by_type(self) -> Mapping[tuple[int, ...], list[int]]:
        """The crystals by anonymous formula."""
        by_type = defaultdict(list)
        for number, amounts in enumerate(self.amounts):
            by_type[anonymous(amounts)].append(number)
        return by_type

    def of_type(self, amounts: Amounts) -> list[int]:
        """List the crystals of the same anonymous formula: of SrTiO3 all ABC3."""
        return self._by_type.get(anonymous(amounts), [])

    def of_formula(self, amounts: Amounts) -> dict[str, Structure]:
        """Return the crystals of a composition, by id."""
        return {self.ids[n]: self.make(n) for n in self.of_type(amounts) if self.amounts[n] == amounts}

    def within(self, elements: Sequence[str]) -> Iterator[int]:
        """List the crystals of these elements and no others."""
        held = set(elements)
        return (n for n, amounts in enumerate(self.amounts) if set(amounts) <= held)


def anonymous(amounts: Amounts) -> tuple[int, ...]:
    """Return the amounts without the elements, in order: (1, 1, 3) of SrTiO3."""
    return tuple(sorted(amounts.values()))


def of_structures(source: str, structures: Mapping[str, Structure]) -> Reference:
    """Return a reference of structures in memory."""
    held = [structure for structure in structures.values() if structure.is_ordered]
    names = [name for name, structure in structures.items() if structure.is_ordered]
    return Reference(
        source=source, ids=names, amounts=[amounts_of(s.composition) for s in held], make=held.__getitem__
    )


def load_reference(word: str | None, root: Path | None) -> Reference:
    """Load known crystals: all splits of a dataset that are here, the one named (``mp_20:train``), or files.

    Raises:
        UsageError: neither a dataset nor a path, or nothing usable in it.
        DataError: a dataset that is not on this machine, or a file that cannot be read.
    """
    if word is None:
        return next(found for name in DEFAULTS if (found := _all_splits(name, root)) is not None)
    name, split = divide(word, "train")
    check_there(name)
    if name != word:
        return _of_datasets(word, [load_crystals(name, split, root=root)])
    if not has_splits(name):
        return of_structures(word, known_crystals(word, "train", root))
    found = _all_splits(name, root)
    if found is None:
        locate(name, "train", root=root)  # raises the sentence that says what is missing and the remedy
        raise AssertionError("a dataset without splits")
    return found


def _all_splits(name: str, root: Path | None) -> Reference | None:
    here = splits_here(name, root=root)
    if not here:
        return None
    if name in DATASETS and DATASETS[name].embedded:  # how it is divided concerns nobody who takes it whole
        return _of_datasets(name, [CrystalDataset.load(name, split) for split in here])
    return _of_datasets(name, [load_crystals(name, split, root=root) for split in here])


def _of_datasets(source: str, datasets: Sequence[CrystalDataset]) -> Reference:
    places = [(dataset, n) for dataset in datasets for n in range(len(dataset))]
    return Reference(
        source=source,
        ids=[name for dataset in datasets for name in dataset.ids],
        amounts=[amounts for dataset in datasets for amounts in _amounts(dataset)],
        make=lambda n: places[n][0].structure(places[n][1]),
    )


def _amounts(dataset: CrystalDataset) -> Iterator[Amounts]:
    """Give the composition of each crystal, without making structures of tens of thousands."""
    numbers, start = dataset.numbers.tolist(), 0
    for size in dataset.counts.tolist():
        counts = Counter(numbers[start : start + size])
        divisor = reduce(gcd, counts.values())
        yield {_SYMBOLS[z]: count // divisor for z, count in counts.items()}
        start += size


_SYMBOLS = {element.Z: element.symbol for element in Element if element.symbol not in ("D", "T")}


def without(reference: Reference, question: Question) -> Reference:
    """Return the reference without the crystals of just these elements, as if none was known."""
    elements = set(question.elements)
    left = [n for n, amounts in enumerate(reference.amounts) if set(amounts) != elements]
    return Reference(
        source=f"{reference.source} without {question.text}",
        ids=[reference.ids[n] for n in left],
        amounts=[reference.amounts[n] for n in left],
        make=lambda n: reference.make(left[n]),
    )

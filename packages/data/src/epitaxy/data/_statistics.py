"""What the statistics of crystals, asymmetric units and molecules have in common."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import reduce
from math import gcd, isfinite
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.data.errors import DataError
from epitaxy.data.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyStatistics:
    """One property over the crystals for which it is known; std is the population's."""

    known: int
    mean: float
    std: float
    min: float
    max: float


def of_properties(properties: Mapping[str, Float[Tensor, " _rows"]]) -> dict[str, PropertyStatistics]:
    """Return each property's statistics; a property that is nowhere known is left out."""
    return {name: s for name, values in properties.items() if (s := _of_property(values)) is not None}


def _of_property(values: Float[Tensor, " rows"]) -> PropertyStatistics | None:
    known = values[values.isfinite()]
    if known.numel() == 0:
        return None
    return PropertyStatistics(
        known=known.numel(),
        mean=float(known.mean()),
        std=float(known.std(unbiased=False)),
        min=float(known.min()),
        max=float(known.max()),
    )


def histogram(values: Int[Tensor, " rows"]) -> dict[int, int]:
    """Count how often each value occurs, in ascending order of the values."""
    return dict(sorted(Counter(values.tolist()).items()))


def parse_histogram(fields: Mapping[str, int]) -> dict[int, int]:
    """Return a histogram after JSON, which makes its keys strings."""
    return {int(value): int(count) for value, count in fields.items()}


def count_units(cells: Iterable[Mapping[int, int]]) -> dict[int, dict[int, int]]:
    """Count cells by the atoms of their formula unit, and by how many units they hold.

    Args:
        cells: atomic number -> number of atoms.

    """
    found: dict[int, Counter[int]] = {}
    for cell in cells:
        units = reduce(gcd, cell.values())
        found.setdefault(sum(cell.values()) // units, Counter())[units] += 1
    return {size: dict(sorted(seen.items())) for size, seen in sorted(found.items())}


def parse_units(fields: Mapping[str, Mapping[str, int]] | None) -> dict[int, dict[int, int]] | None:
    """Return what `count_units` gave, after JSON; None where a file has none."""
    return None if fields is None else {int(size): parse_histogram(seen) for size, seen in fields.items()}


def weigh_units(
    size: int, sizes: Mapping[int, int], units: Mapping[int, Mapping[int, int]] | None
) -> dict[int, int]:
    """Say how often to try each number of formula units that makes a cell size of the training data.

    As often as training has it of formula units of so many atoms, and one crystal more, which is shared out
    as cells of these sizes are: nothing that fits is left out, and for units that training lacks sizes alone
    decide.

    Args:
        size: atoms of a formula unit.
        sizes: atoms of a cell -> crystals.
        units: what `count_units` gave, if it is known.

    """
    fitting = {atoms // size: seen for atoms, seen in sizes.items() if seen and atoms % size == 0}
    joint = (units or {}).get(size, {})
    total = sum(fitting.values())
    return {number: joint.get(number, 0) * total + seen for number, seen in sorted(fitting.items())}


def to_text(statistics: Any, version: int) -> str:
    """Return statistics, which have a vocabulary, as an indented JSON object with a format version."""
    fields = asdict(statistics) | {"format": version, "vocabulary": list(statistics.vocabulary.numbers)}
    return json.dumps(fields, indent=2) + "\n"


@contextmanager
def parsed(text: str, noun: str, *versions: int) -> Iterator[dict[str, Any]]:
    """Give the fields of what `to_text` wrote, to make statistics of: vocabulary and properties as they were.

    Raises:
        DataError: if the text is no object of these versions, the last being today's, or no statistics can be
            made of its fields.

    """
    try:
        fields = json.loads(text)
        version = fields.pop("format")
        if version not in versions:
            raise DataError(f"these statistics have format {version}, not {versions[-1]}; compute them again")
        _check_numbers(fields)
        fields["vocabulary"] = Vocabulary(tuple(fields["vocabulary"]))
        fields["properties"] = {n: PropertyStatistics(**values) for n, values in fields["properties"].items()}
        yield fields
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"these are no {noun} ({error}); compute them again") from error


_SCALES = ("crystals", "molecules", "lattice_scale", "volume_per_atom", "position_scale")
"""Fields that are one number, which is not negative."""


def _check_numbers(fields: Mapping[str, Any]) -> None:
    """Refuse what is no number where statistics have nothing else; a field as a whole may be unknown.

    Raises:
        ValueError: naming the field.

    """
    for name, value in fields.items():
        leaves = [leaf for leaf in _leaves(value) if type(leaf) not in (int, float) or not isfinite(leaf)]
        if leaves and value is not None:
            raise ValueError(f"{name[:40]} holds {str(leaves[0])[:40]}, no finite number")
        if name in _SCALES and (type(value) not in (int, float) or value < 0):
            raise ValueError(f"{name} is {str(value)[:40]}, no number that can be")


def _leaves(value: Any) -> Iterator[Any]:
    """Give what nested lists and objects hold."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
    else:
        yield value

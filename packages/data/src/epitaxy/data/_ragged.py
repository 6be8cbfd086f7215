"""What datasets of crystals, of asymmetric units and of molecules have in common."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.data._splits import hashed_part, random_parts
from epitaxy.data.errors import DataError
from epitaxy.geometry import Column, RaggedBatch, Segments

D = TypeVar("D", bound="RaggedDataset")
B = TypeVar("B", bound=RaggedBatch)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RaggedDataset:
    """Records as ragged arrays: atoms sorted by record. Nothing in it changes.

    A kind of dataset adds tensors as fields, of which its kind of batch says what they hold.

    Attributes:
        COLUMNS: every tensor by name, as in its batches.
        RECORDS: what the records are, for messages.
        NOTE: what to tell the user of splits that there were no files for.
        ids: one name a record, each used once.
        counts: atoms of each record.
        numbers: atomic numbers.
        positions: a point an atom; the kind of dataset says in which space.
        properties: numbers that came with the records; NaN where unknown.
        note: what to tell the user about its splits; empty if there is nothing to tell.

    Raises:
        ValueError: if the shapes do not agree.

    """

    COLUMNS: ClassVar[dict[str, Column]] = RaggedBatch.COLUMNS
    RECORDS: ClassVar[str] = "records"
    NOTE: ClassVar[str] = "split 80/10/10 into train, val and test by a hash of each id"

    ids: tuple[str, ...]
    counts: Int[Tensor, " records"]
    numbers: Int[Tensor, " atoms"]
    positions: Float[Tensor, "atoms 3"]
    properties: Mapping[str, Float[Tensor, " records"]]
    note: str = ""

    def __post_init__(self) -> None:
        self._check()
        # A frozen class's own way to set a field; the copy is what keeps the properties from changing.
        object.__setattr__(self, "properties", MappingProxyType(dict(self.properties)))

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} {self.RECORDS})"

    def subset(self: D, indices: Sequence[int] | Int[Tensor, " chosen"]) -> D:
        """Return these records, in this order, as a dataset.

        Raises:
            DataError: if there are none.
            ValueError: if given a mask, or what is no vector of whole numbers.

        """
        chosen = _places(indices)
        if len(chosen) == 0:
            raise DataError(f"a dataset of no {self.RECORDS} was asked for; choose at least one")
        segments, columns = self._picked(chosen)
        return replace(
            self,
            ids=self._names(chosen),
            counts=segments.counts,
            properties={name: values[chosen] for name, values in self.properties.items()},
            **columns,
        )

    def split(self: D, fractions: Sequence[int | float], seed: int) -> tuple[D, ...]:
        """Split at random into parts of these sizes, relative to each other.

        Raises:
            DataError: if a part would be empty.

        """
        return tuple(self.subset(part) for part in random_parts(len(self), fractions, seed))

    def _hashed_split(self: D, split: str, key: Callable[[str], str] = str) -> D:
        """Return the part that a hash of the ids, or of what `key` makes of them, puts in a split."""
        chosen = hashed_part(self.ids, split, self.RECORDS, key)
        return replace(self.subset(chosen), note=self.NOTE)

    def _batch(
        self,
        kind: type[B],
        indices: Sequence[int] | Int[Tensor, " graphs"],
        dtype: torch.dtype,
        positions_as: Callable[[Tensor, torch.dtype], Tensor] = Tensor.to,
    ) -> B:
        """Return these records, in this order, as a batch whose real numbers have this type."""
        chosen = _places(indices)
        segments, picked = self._picked(chosen)
        columns = {
            name: picked[name].to(torch.int64 if column.whole else dtype)
            for name, column in self.COLUMNS.items()
            if name != "positions"
        }
        return kind(
            segments=segments,
            ids=self._names(chosen),
            properties={name: values[chosen].to(dtype) for name, values in self.properties.items()},
            positions=positions_as(picked["positions"], dtype),
            **columns,
        )

    def _picked(self, chosen: Int[Tensor, " chosen"]) -> tuple[Segments, dict[str, Any]]:
        """Return the index of these records and their rows of every tensor."""
        segments = Segments.from_counts(self.counts[chosen])
        atoms = segments.expand(self._offsets[chosen]) + segments.rank
        return segments, {
            name: getattr(self, name)[atoms if column.level == "atom" else chosen]
            for name, column in self.COLUMNS.items()
        }

    def _names(self, chosen: Int[Tensor, " chosen"]) -> tuple[str, ...]:
        return tuple(self.ids[i] for i in chosen.tolist())

    @cached_property
    def _offsets(self) -> Int[Tensor, " records"]:
        """Return where each record's atoms begin."""
        return self.counts.cumsum(0) - self.counts

    def _check(self) -> None:
        size = len(self.ids)
        if tuple(self.counts.shape) != (size,) or bool((self.counts < 1).any()):
            raise ValueError(f"counts must have shape ({size},) as there are ids, each at least 1")
        rows = {"atom": int(self.counts.sum()), "graph": size}
        named = [
            (name, getattr(self, name), (rows[column.level], *column.shape))
            for name, column in self.COLUMNS.items()
        ]
        named += [(f"property {name!r}", values, (size,)) for name, values in self.properties.items()]
        for name, tensor, shape in named:
            if tuple(tensor.shape) != shape:
                raise ValueError(f"{name} must have shape {shape}, not {tuple(tensor.shape)}")


def _places(indices: Sequence[int] | Int[Tensor, " chosen"]) -> Int[Tensor, " chosen"]:
    """Return indices as a tensor; a mask is none, and no fraction is rounded to one."""
    given = torch.as_tensor(indices)
    whole = given.dtype in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
    if given.ndim != 1 or not (whole or len(given) == 0):
        raise ValueError(
            f"indices are a vector of whole numbers, not {given.dtype} of shape {tuple(given.shape)}"
        )
    return given.to(torch.int64)


def values_of(
    names: Sequence[str], properties: Mapping[str, Sequence[int | float | None]] | None
) -> dict[str, list[float]]:
    """Return the properties of records in memory as numbers: NaN, or None, is a value that is missing.

    Raises:
        DataError: naming the property and the record whose value is no finite number.

    """
    found: dict[str, list[float]] = {}
    for column, values in (properties or {}).items():
        found[column] = []
        for name, value in zip(names, values, strict=True):
            known = math.nan if value is None else _real(value)
            if known is None or math.isinf(known):
                raise DataError(
                    f"{column} of {name} is {value!r:.40}, no finite number; correct it, or give None where "
                    "it is missing"
                )
            found[column].append(known)
    return found


def _real(value: object) -> float | None:
    """Return a real number; None if it is something else, or beyond every double."""
    if isinstance(value, bool | np.bool_ | str | bytes | complex) or not hasattr(value, "__float__"):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


def named(
    size: int,
    noun: str,
    ids: Sequence[str] | None,
    properties: Mapping[str, Sequence[int | float | None]] | None,
) -> list[str]:
    """Return the names of records in memory: their ids, or else 000000 and so on.

    Raises:
        DataError: if there is no record, or ids or properties do not fit.

    """
    names = [f"{i:06d}" for i in range(size)] if ids is None else [str(i) for i in ids]
    columns = (properties or {}).values()
    if not size or len(names) != size or len(set(names)) != size or any(len(v) != size for v in columns):
        raise DataError(
            f"{size} {noun} need at least one, each with one id of its own and one value a property"
        )
    return names

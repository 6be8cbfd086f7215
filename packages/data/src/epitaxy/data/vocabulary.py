"""The elements a dataset is made of."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Int
from pymatgen.core.periodic_table import Element
from torch import Tensor

from epitaxy.data.errors import DataError
from epitaxy.geometry import constant, require


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Atomic numbers in ascending order; an element's index is its place among them.

    Raises:
        ValueError: if the numbers are not ascending, or not atomic numbers (1 to 118), or there are none.

    """

    numbers: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.numbers or list(self.numbers) != sorted(set(self.numbers)):
            raise ValueError(f"atomic numbers must be ascending and different, not {self.numbers}")
        if self.numbers[0] < 1 or self.numbers[-1] > 118:
            raise ValueError(f"atomic numbers run from 1 to 118, not {self.numbers[0]} to {self.numbers[-1]}")

    @classmethod
    def of(cls, numbers: Int[Tensor, " atoms"] | Iterable[int]) -> "Vocabulary":
        """Return the vocabulary of these atoms."""
        listed = numbers.tolist() if isinstance(numbers, Tensor) else numbers
        return cls(tuple(sorted({int(z) for z in listed})))

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Element symbols in the order of the indices."""
        return tuple(Element.from_Z(z).symbol for z in self.numbers)

    def encode(self, numbers: Int[Tensor, " atoms"]) -> Int[Tensor, " atoms"]:
        """Turn atomic numbers into indices 0 ... len - 1.

        Raises:
            DataError: if an element is outside the vocabulary; names it. Elsewhere than on the CPU the
                device's own check answers, as asking would wait for it.

        """
        known = constant(self.numbers, torch.int64, numbers.device)
        index = torch.searchsorted(known, numbers.contiguous()).clamp(max=len(self) - 1)
        inside = known[index] == numbers

        def error() -> DataError:
            outside = sorted(set(numbers[~inside].tolist()))
            return DataError(
                f"{', '.join(_symbol(z) for z in outside)} is outside the vocabulary "
                f"of {len(self)} elements ({' '.join(self.symbols)}); use data or a model that know it"
            )

        require(inside, error)
        return index

    def decode(self, index: Int[Tensor, " atoms"]) -> Int[Tensor, " atoms"]:
        """Turn indices into atomic numbers.

        Raises:
            IndexError: if an index is no place in the vocabulary.

        """
        inside = (index >= 0) & (index < len(self))
        require(inside, lambda: IndexError(f"indices must lie in 0 ... {len(self) - 1}"))
        return constant(self.numbers, torch.int64, index.device)[index]

    def to_json(self) -> str:
        """As a JSON list of atomic numbers."""
        return json.dumps(self.numbers)

    @classmethod
    def from_json(cls, text: str) -> "Vocabulary":
        """From `to_json`.

        Raises:
            ValueError: if the text is no list of ascending atomic numbers.

        """
        listed = json.loads(text)
        if not isinstance(listed, list) or not all(isinstance(z, int) for z in listed):
            raise ValueError("a vocabulary is a JSON list of atomic numbers")
        return cls(tuple(listed))


def _symbol(number: int) -> str:
    return Element.from_Z(number).symbol if 1 <= number <= 118 else f"Z={number}"

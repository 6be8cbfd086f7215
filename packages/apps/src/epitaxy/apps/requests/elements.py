"""Which elements a sample may have, and which it must have, read from words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pymatgen.core import Element

from epitaxy.apps.foundation.elements import listed_symbols
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.requests.formulas import unknown_elements
from epitaxy.data import Vocabulary

MOST = 10
"""Elements of a chemical system: more are more work than they are worth."""

Words: TypeAlias = str | Sequence[str] | None
"""Symbols in one word, such as ``Li,Fe,O`` or ``Li-Fe-O``, or one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The elements that a sample may have and must have, by atomic number.

    Attributes:
        allowed: these and no others; None: all that the model knows.
        required: each of these, at one atom (or orbit) at least.
    """

    allowed: frozenset[int] | None = None
    required: frozenset[int] = frozenset()

    @property
    def free(self) -> bool:
        """Whether nothing is asked."""
        return self.allowed is None and not self.required

    def fitting(self, sizes: Mapping[int, int], *, noun: str) -> dict[int, int]:
        """Return those numbers of atoms (or orbits) that the elements fit in, with their weights.

        Raises:
            UsageError: there is none.
        """
        fits = {size: weight for size, weight in sizes.items() if size >= len(self.required)}
        if not fits:
            raise UsageError(
                f"--chemical-system of {len(self.required)} elements: {noun} have at most {max(sizes)} atoms "
                "in training, each of one element; name fewer elements"
            )
        return fits

    def check_size(self, size: int) -> None:
        """Refuse a number of atoms that is less than the number of elements.

        Raises:
            UsageError: if it is.
        """
        if size < len(self.required):
            raise UsageError(
                f"{size} atoms are fewer than the {len(self.required)} elements of --chemical-system"
            )


ANY = Palette()


def palette(
    vocabulary: Vocabulary, *, elements: Words = None, chemical_system: Words = None, without: Words = None
) -> Palette:
    """Return what the words ask for, of a model that knows these elements.

    Args:
        vocabulary: what the model was trained on.
        elements: no others than these.
        chemical_system: each of these and no others.
        without: none of these, whether the model knows them or not.

    Raises:
        UsageError: what is no element, elements that the model was never trained on, words that contradict
            each other, or that leave nothing.
    """
    if elements is not None and chemical_system is not None:
        raise UsageError("--elements and --chemical-system exclude each other: give one of them")
    system = _numbers("--chemical-system", chemical_system, vocabulary)
    named = system or _numbers("--elements", elements, vocabulary)
    barred = _numbers("--without", without, None)
    if system and barred and system & barred:
        raise UsageError(f"--without {_symbols(system & barred)}: --chemical-system asks for it")
    if system and len(system) > MOST:
        raise UsageError(f"--chemical-system of {len(system)} elements: at most {MOST} can be asked for")
    if named is None and barred is None:
        return ANY
    allowed = (named or frozenset(vocabulary.numbers)) - (barred or frozenset())
    if not allowed:
        raise UsageError("--without leaves no element: bar fewer, or name others with --elements")
    return Palette(allowed=allowed, required=system or frozenset())


def refuse_elements(because: str, **words: Words) -> None:
    """Refuse all words about elements, where the composition is given.

    Raises:
        UsageError: if there is one.
    """
    for name, word in words.items():
        if word is not None:
            raise UsageError(f"--{name.replace('_', '-')}: {because}")


def _numbers(option: str, words: Words, vocabulary: Vocabulary | None) -> frozenset[int] | None:
    if words is None:
        return None
    numbers = frozenset(Element(symbol).Z for symbol in listed_symbols(option, words))
    unknown = [] if vocabulary is None else unknown_elements(numbers, vocabulary)
    if vocabulary is not None and unknown:
        known = ", ".join(vocabulary.symbols)
        raise UsageError(f"{option}: the model was not trained on {', '.join(unknown)}; it knows {known}")
    return numbers


def _symbols(numbers: Iterable[int]) -> str:
    return ",".join(Element.from_Z(z).symbol for z in sorted(numbers))

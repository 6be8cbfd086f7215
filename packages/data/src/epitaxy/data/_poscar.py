"""POSCAR and CONTCAR, as VASP reads them; what VASP would pass over in silence is refused.

Own code: pymatgen and ASE scale Cartesian positions of a negative scale wrongly or not at all, and take
surplus names, counts and positions without a word.
"""

import math
import re
from itertools import takewhile
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from epitaxy.data import _elements, _limits
from epitaxy.data._crystal import Crystal, unknown_elements
from epitaxy.data._words import CUT, looks_whole, number, species
from epitaxy.data.errors import UnusableRecordError

_COMMENT = re.compile(r"[!#].*")
_MODE = re.compile(r"(cartesian|direct|[cdk])", re.IGNORECASE)
_FLAG = re.compile(r"\.?(t|f|true|false)\.?", re.IGNORECASE)
_NAMELESS = "the POSCAR does not name its elements; add their symbols as its sixth line"


class _Species(NamedTuple):
    numbers: list[int] | None
    counts: list[int]


class _Lines:
    """A POSCAR's lines without comments, read one after another."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._next = 1  # the first line is a comment, whatever it says

    def peek(self) -> list[str]:
        if self._next >= len(self._lines):
            raise UnusableRecordError("the POSCAR is cut short; restore it from its source")
        return _COMMENT.sub("", self._lines[self._next]).split()

    def take(self) -> list[str]:
        words = self.peek()
        self._next += 1
        return words

    def cut(self, rows: int) -> bool:
        """Whether the file may end within the last of so many rows that were taken last."""
        taken = self._lines[self._next - rows : self._next]
        ends_here = self._next == len(self._lines) and rows > 0
        return ends_here and not _flags(taken[-1].split()[3:]) and not looks_whole(taken)

    def rest(self) -> list[list[str]]:
        return [_COMMENT.sub("", line).split() for line in self._lines[self._next :]]


def parse_poscar(text: str) -> Crystal:
    """Return the crystal of a POSCAR: one scale, a volume (negative) or three scales; direct or Cartesian.

    Velocities and what else a CONTCAR holds after its positions are passed over.

    Raises:
        UnusableRecordError: if it is no POSCAR, is cut short, names no elements, or holds more names, counts
            or positions than belong together.

    """
    lines = _Lines(text)
    scale = lines.take()
    lattice = np.array([_three(lines.take(), "lattice vector") for _ in range(3)])
    factors = _factors(scale, lattice)
    lattice = lattice * factors
    kinds = _species(lines)
    words = lines.take()
    selective = bool(words) and words[0][0] in "sS"
    mode = (lines.take() if selective else words) or [""]
    if mode[0][0:1].lower() not in ("d", "c", "k"):
        raise UnusableRecordError(
            f"the POSCAR says {' '.join(mode)[:40]!r} where Direct or Cartesian belongs; correct the line"
        )
    rows = [lines.take() for _ in range(sum(kinds.counts))]
    positions = np.array([_three(row, "position") for row in rows]).reshape(-1, 3)
    if lines.cut(len(rows)):
        raise UnusableRecordError(CUT)
    numbers = _assign(kinds, [_label(row[3:], selective) for row in rows])
    _check_tail(lines.rest(), len(rows))
    if mode[0][0].lower() != "d":
        positions = positions * factors @ _inverse(lattice)
    return Crystal(lattice, positions, np.array(numbers, dtype=np.int64))


def _three(words: list[str], what: str) -> list[float]:
    if len(words) < 3:
        raise UnusableRecordError(
            f"the POSCAR has {' '.join(words)[:40]!r} where a {what} belongs; restore it from its source"
        )
    return [number(word) for word in words[:3]]


def _factors(words: list[str], lattice: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, " 3"]:
    """Return what multiplies x, y and z of lattice vectors and of Cartesian positions."""
    if not words:
        raise UnusableRecordError("the POSCAR has no scale on its second line; write 1.0 there")
    numeric = list(takewhile(lambda word: word[0] in "+-.0123456789", words))
    scales = [number(word) for word in numeric[:3]]
    if len(scales) == 3 and all(scale > 0 for scale in scales):
        return np.array(scales)
    if len(scales) != 1 or scales[0] == 0.0:
        raise UnusableRecordError(
            f"the POSCAR's scale is {' '.join(words)[:40]!r}; write a factor, a negative volume or three "
            f"factors"
        )
    if scales[0] > 0:
        return np.full(3, scales[0])
    volume = abs(float(np.linalg.det(lattice)))
    if not 0.0 < volume < math.inf:
        raise UnusableRecordError("its cell has zero volume; give three independent lattice vectors")
    return np.full(3, (-scales[0] / volume) ** (1 / 3))


def _species(lines: _Lines) -> _Species:
    """Read the names, which VASP 4 lacks, and the counts; both may go on over several lines."""
    names: list[str] = []
    while not (words := lines.peek()) or not words[0].isdecimal():
        if not words:
            raise UnusableRecordError("the POSCAR has an empty line where names or counts belong; restore it")
        names += lines.take()
    counts: list[int] = []
    while words and all(word.isdecimal() for word in words) and (not counts or len(counts) < len(names)):
        counts += [_count(word) for word in lines.take()]
        words = lines.peek()
    if not counts:
        raise UnusableRecordError(f"{' '.join(words)[:40]!r} are no counts of atoms; correct the POSCAR")
    if names and len(names) != len(counts):
        raise UnusableRecordError(
            f"the POSCAR has {len(names)} names of elements and {len(counts)} counts; correct one of them"
        )
    if sum(counts) > _limits.MOST_RECORDS:
        raise UnusableRecordError(f"the POSCAR says {sum(counts)} atoms; correct its counts")
    return _Species([_element(name) for name in names] or None, counts)


def _count(word: str) -> int:
    if len(word) > 9:
        raise UnusableRecordError(f"{word[:40]!r} is no count of atoms; correct the POSCAR")
    return int(word)


def _element(name: str) -> int:
    """Read `Na`, `na`, `NA`, `Na_pv`, `Na/0123abcd`; `CO` is cobalt: potentials are of elements."""
    symbol = re.split(r"[/_]", name[: _limits.LONGEST_NUMBER], maxsplit=1)[0]
    found = _elements.of_type(symbol.title()) if symbol.isalpha() else _elements.of_column(symbol)
    if found is None:
        raise UnusableRecordError(unknown_elements({name[:40]}))
    return _elements.number_of(found)


def _label(words: list[str], selective: bool) -> int | None:
    """Return the element that stands after a position, before or after its flags; None if there is none."""
    if selective and len(words) >= 3:
        start = next((i for i in (0, 1) if _flags(words[i : i + 3])), None)
        if start is not None:
            words = words[:start] + words[start + 3 :]
    if not words or not words[0][0].isalpha():
        return None
    try:
        return species(re.split(r"[/_]", words[0], maxsplit=1)[0])
    except UnusableRecordError:
        return None  # free text


def _flags(words: list[str]) -> bool:
    return len(words) == 3 and all(_FLAG.fullmatch(word) for word in words)


def _assign(kinds: _Species, labels: list[int | None]) -> list[int]:
    """Give each position its element: that of the sixth line, or of the label where there is no such line."""
    if kinds.numbers is None:
        if not labels or None in labels:
            raise UnusableRecordError(_NAMELESS)
        return [label for label in labels if label is not None]
    numbers = [n for n, count in zip(kinds.numbers, kinds.counts, strict=True) for _ in range(count)]
    for i, (found, label) in enumerate(zip(numbers, labels, strict=True)):
        if label not in (None, found):
            raise UnusableRecordError(
                f"the label of position {i + 1} is another element than the sixth line says; correct one"
            )
    return numbers


def _inverse(lattice: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    try:
        return np.linalg.inv(lattice)
    except np.linalg.LinAlgError:
        raise UnusableRecordError(
            "its cell has zero volume; give three independent lattice vectors"
        ) from None


def _check_tail(rows: list[list[str]], atoms: int) -> None:
    """Refuse what follows the positions unless it is what VASP writes there: blocks of velocities.

    A blank line or a mode introduces velocities, one a position; then come the numbers of the thermostat. A
    block of the lattice's velocities may stand before them.
    """
    if any(rows[:1]) and not _MODE.fullmatch(rows[0][0]) and rows[0][0].lower() != "lattice":
        raise UnusableRecordError(
            f"the POSCAR goes on after its {atoms} positions, with {' '.join(rows[0])[:40]!r}; correct its "
            f"counts, or give each of several structures its own file"
        )
    blocks: list[list[list[str]]] = [[]]
    for row in rows:
        if row and _MODE.fullmatch(row[0]) and blocks[-1]:
            blocks.append([])
        if row and not (len(row) == 1 and _MODE.fullmatch(row[0])):
            blocks[-1].append(row)
        elif not row:
            blocks.append([])
    filled = [block for block in blocks if block]
    if filled and filled[0][0][0].lower() == "lattice":
        filled[0] = filled[0][1:]
        velocities = filled[1:2]
    else:
        velocities = filled[:1]
    strange = next((row for block in filled for row in block if not _numeric(row)), None)
    if strange is not None or any(len(block) != atoms for block in velocities):
        raise UnusableRecordError(
            f"what follows the POSCAR's {atoms} positions is no block of velocities; remove it, or give each "
            f"of several structures its own file"
        )


def _numeric(row: list[str]) -> bool:
    try:
        return all(number(word) is not None for word in row)
    except UnusableRecordError:
        return False

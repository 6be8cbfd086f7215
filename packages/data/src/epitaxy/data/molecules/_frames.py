"""The frames of an XYZ file, told apart so that a broken one costs itself only."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

from epitaxy.data import _limits
from epitaxy.data._words import CUT, looks_whole
from epitaxy.data.errors import DataError
from epitaxy.data.molecules._lines import TOO_LONG, Returnable, text_lines
from epitaxy.data.molecules._words import real, whole

QM9_PROPERTIES = (
    *("A", "B", "C", "mu", "alpha", "homo", "lumo", "gap", "r2", "zpve", "U0", "U", "H", "G", "Cv"),
)
"""What the second line of a QM9 file lists after `gdb` and the number (Ramakrishnan et al. 2014, Table 3)."""

_NO_COUNT = "the frame's first line is no number of atoms; restore it"


class Frame(NamedTuple):
    """One frame: its comment and atom lines; `fault` says why it cannot be read as it stands, if so."""

    number: int
    comment: str
    lines: list[str]
    fault: str | None = None


def xyz_frames(path: Path) -> Iterator[Frame]:
    """Divide an XYZ file, gzipped or not; frames count from 1.

    A number alone on a line begins a frame, except where a comment must be: after a frame that is broken the
    next such line is looked for.

    Raises:
        DataError: if the file cannot be read, also in the middle, or is empty.

    """
    number = 0
    for frame in _divide(Returnable(text_lines(path))):
        number = frame.number
        yield frame
    if number == 0:
        raise DataError(f"{path} is empty; give at least one molecule")


def is_qm9(comment: str) -> bool:
    """Whether a comment line is QM9's: `gdb`, the number, and the properties, of which some may be lost."""
    words = comment.split(maxsplit=2)
    return len(words) == 3 and words[0] == "gdb" and whole(words[1]) is not None


def _divide(lines: Returnable) -> Iterator[Frame]:
    for number in count(1):
        head = lines.next_written()
        if head is None:
            return
        atoms = whole(head)
        if atoms is None:
            _pass_over(lines)
            yield Frame(number, "", [], f"{_NO_COUNT} (it is {head.strip()[:40]!r})")
        else:
            yield _frame(number, atoms, lines)


def _frame(number: int, atoms: int, lines: Returnable) -> Frame:
    comment = next(lines, "").rstrip("\n")
    found, fault = _atom_lines(atoms, lines)
    surplus = None if fault is not None else _surplus(lines, is_qm9(comment))
    if surplus:
        fault = f"{atoms} atoms are announced and more follow ({surplus[:40]!r}); restore the file"
    elif fault is None and is_qm9(comment):
        _pass_over_qm9(lines)
    return Frame(number, comment, found, fault)


def _atom_lines(atoms: int, lines: Returnable) -> tuple[list[str], str | None]:
    """Take so many lines, or fewer and the reason to refuse them."""
    found: list[str] = []
    size, last = 0, "\n"
    while len(found) < atoms:
        line = next(lines, None)
        if line is None or whole(line) is not None:
            if line is not None:
                lines.put_back(line)
            return [], (
                f"the frame is cut short: {atoms} atoms are announced, and {len(found)} lines follow its "
                f"comment; restore the file"
            )
        size += len(line)
        if line == TOO_LONG or size > _limits.LARGEST_MOLECULE:
            _pass_over(lines)
            return (
                [],
                f"the frame is longer than {_limits.LARGEST_MOLECULE >> 20} MB, or a line of it than "
                f"{_limits.LONGEST_MOLECULE_LINE >> 20} MB",
            )
        found.append(line.rstrip("\n"))
        last = line
    if not last.endswith("\n") and not looks_whole(found):
        return [], CUT
    return found, None


def _pass_over(lines: Returnable) -> None:
    """Go to the next number alone on a line."""
    for line in lines:
        if whole(line) is not None:
            lines.put_back(line)
            return


def _pass_over_qm9(lines: Returnable) -> None:
    """Go past what QM9 has after the atoms: frequencies, SMILES and InChI."""
    for _ in range(3):
        line = lines.next_written()
        if line is None:
            return
        if whole(line) is not None:
            lines.put_back(line)
            return
        if line.startswith("InChI="):
            return


def _surplus(lines: Returnable, qm9: bool) -> str | None:
    """Return the atom line that follows where a frame should have ended, if one does; go past the rest.

    In QM9's files numbers alone follow, the frequencies.
    """
    line = lines.next_written()
    if line is None:
        return None
    if is_atom_line(line) and (not qm9 or line.lstrip()[0].isalpha()):
        _pass_over(lines)
        return line.strip()
    lines.put_back(line)
    return None


def is_atom_line(line: str) -> bool:
    """Whether a line is a word and three numbers, perhaps more."""
    words = line.split()
    try:
        return len(words) >= 4 and len([real(word) for word in words[1:4]]) == 3
    except ValueError:
        return False

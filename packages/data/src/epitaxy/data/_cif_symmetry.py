"""Which symmetry operations a CIF means: those it lists, else those of its Hall symbol, symbol or number.

Nothing is guessed: where a symbol has several settings, those that leave the cell's metric alone remain, and
if these are several, the caller decides by what the file declares or refuses. Settings and operations are
gemmi's (564 settings, after sgtbx and International Tables A).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import gemmi
import numpy as np
from jaxtyping import Float

from epitaxy.data import _limits
from epitaxy.data._cif_text import Block, number
from epitaxy.data.errors import UnusableRecordError
from epitaxy.geometry.symmetry import plain_symbol
from epitaxy.geometry.typography import plain_text

METRIC = 0.01
"""How far an operation may change the cell's metric, as a part of the product of two cell lengths."""

_LARGEST_GROUP = 192

_OPERATIONS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
_MAGNETIC = "_space_group_symop_magn_operation_xyz"
_CENTERING = "_space_group_symop_magn_centering_xyz"
_SUFFIX = re.compile(r"(.*?)[\s_:]*(?:\(?(?:o(?:rigin)?)?[\s_]*([12])\)?|(hr|rs|[szhr]))$", re.IGNORECASE)
_TWOFOLD = ("2/", "21/")
_PLACE = re.compile(r"^\s*\(?\d{1,3}[).:]?\s+(?=[-+xyzXYZ0-9.])")
"""The place in the list that some programs write before an operation: 1 x,y,z; (2) -x,-y,z."""

_BARRED = re.compile(r"([xyzXYZ])[\u0304\u0305]")
_HALVES = str.maketrans(
    {"\u00bd": "1/2", "\u00bc": "1/4", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3", "\u2159": "1/6"}
    | {"\u215a": "5/6"}
)
_AS_NUMBER = re.compile(r"(?:no\.?|#)?\s*(\d{1,3})(?:\.0*)?", re.IGNORECASE | re.ASCII)
_QUALIFIER = {"s": "1", "z": "2", "h": "H", "hr": "H", "r": "R", "rs": "R"}


@dataclass(frozen=True)
class Symmetry:
    """One reading of a file's symmetry: what it was read from, and all its operations."""

    source: str
    number: int | None
    operations: tuple[gemmi.Op, ...]

    @property
    def key(self) -> frozenset[str]:
        """The operations modulo the lattice: equal for equal settings."""
        return frozenset(op.wrap().triplet() for op in self.operations)


def symmetries(block: Block, metric: Float[np.ndarray, "3 3"]) -> list[Symmetry]:
    """Return the readings of a block's symmetry that fit its cell, at least one.

    Args:
        block: what the file says.
        metric: products of the lattice vectors, square angstrom.

    Raises:
        UnusableRecordError: if an operation, symbol or number cannot be read, they contradict each other, or
            none fits the cell.

    """
    listed = _listed(block)
    named = _named(block, doubtful=listed is not None and len(listed.operations) > 1)
    if listed is None:
        if named is None:
            raise UnusableRecordError(
                "the CIF names no space group and lists no symmetry operations; add "
                "_space_group_name_H-M_alt, 'P 1' if all atoms of the cell are listed"
            )
        return _fitting(named, metric, lattice_named="its axes do not fit the setting")
    _fitting([listed], metric, lattice_named="its axes do not fit the operations listed")
    if named is None or (listed.number is not None and any(s.number == listed.number for s in named)):
        return [listed]
    if listed.number is None and any(len(s.operations) == len(listed.operations) for s in named):
        return [listed]
    fitting = [s for s in named if _fits(s, metric)]
    return [listed, *fitting]


def _fits(symmetry: Symmetry, metric: Float[np.ndarray, "3 3"]) -> bool:
    scale = np.sqrt(np.outer(np.diag(metric), np.diag(metric)))
    rotations = np.array([op.rot for op in symmetry.operations]) / gemmi.Op.DEN
    moved = np.swapaxes(rotations, 1, 2) @ metric @ rotations
    return bool(np.all(np.abs(moved - metric) <= METRIC * scale))


def _fitting(
    found: list[Symmetry], metric: Float[np.ndarray, "3 3"], *, lattice_named: str
) -> list[Symmetry]:
    fitting = [s for s in found if _fits(s, metric)]
    if not fitting:
        raise UnusableRecordError(f"{lattice_named} ({found[0].source}); correct the cell or the symmetry")
    return fitting


def _listed(block: Block) -> Symmetry | None:
    """Return the operations a block lists; None if it lists none."""
    lists = [values for tag in _OPERATIONS if (values := block.column(tag))]
    if lists:
        if max(map(len, lists)) > _limits.MOST_OPERATIONS:
            raise UnusableRecordError("the CIF lists more symmetry operations than any space group has")
        found, *others = (_spelled(tuple(values)) for values in lists)
        if any(other.key != found.key for other in others):
            raise UnusableRecordError(
                f"the CIF lists two sets of symmetry operations, {' and '.join(_OPERATIONS)}; remove one"
            )
        return found
    if magnetic := block.column(_MAGNETIC):
        points = [_operation(v, magnetic=True) for v in magnetic]
        shifts = [_operation(v, magnetic=True) for v in block.column(_CENTERING)] or [gemmi.Op("x,y,z")]
        if len(points) * len(shifts) > _limits.MOST_OPERATIONS:
            raise UnusableRecordError("the CIF lists more symmetry operations than any space group has")
        return _group([shift * point for shift in shifts for point in points])
    return None


@lru_cache(maxsize=64)
def _spelled(values: tuple[str | None, ...]) -> Symmetry:
    """Read operations; the files of one program have the same lists again and again."""
    return _group([_operation(value) for value in values])


def _group(operations: list[gemmi.Op]) -> Symmetry:
    unique = list({op.wrap().triplet(): op.wrap() for op in operations}.values())
    _check_group(unique)
    group = gemmi.find_spacegroup_by_ops(gemmi.GroupOps(unique)) if len(unique) <= _LARGEST_GROUP else None
    return Symmetry("symmetry operations", None if group is None else group.number, tuple(unique))


def _operation(value: str | None, *, magnetic: bool = False) -> gemmi.Op:
    plain = _BARRED.sub(r"-\1", plain_text(value or "?")).translate(_HALVES)
    text = "".join(_PLACE.sub("", plain.replace("_", " ")).split())
    if magnetic:  # the fourth part says whether time is reversed, which moves no nucleus
        text = re.sub(r",[-+]?1$", "", text)
    refusal = UnusableRecordError(
        f"its symmetry operation {(value or '?')[:60]!r} cannot be read; write it as 'x,y,z', '-x+1/2,y,z'"
    )
    if len(text) > _limits.LONGEST_OPERATION or not re.fullmatch(r"[-+xyzXYZ0-9./,]+", text):
        raise refusal
    try:
        op = gemmi.Op(text)
    except (ValueError, RuntimeError) as error:
        raise refusal from error
    if abs(op.det_rot()) != gemmi.Op.DEN**3:
        raise refusal
    return op


def _check_group(operations: list[gemmi.Op]) -> None:
    """Refuse operations of which one is missing: two of them give a third that is not listed."""
    if len(operations) > _limits.MOST_OPERATIONS:
        raise UnusableRecordError("the CIF lists more symmetry operations than any space group has")
    rotations = np.array([op.rot for op in operations]) // gemmi.Op.DEN
    shifts = np.array([op.tran for op in operations])
    known = {_signature(r, t) for r, t in zip(rotations, shifts, strict=True)}
    if _signature(np.eye(3, dtype=int), np.zeros(3, dtype=int)) not in known:
        raise UnusableRecordError("its symmetry operations lack 'x,y,z'; restore the list")
    for rotation, shift in zip(rotations, shifts, strict=True):
        products = np.einsum("ij,kjl->kil", rotation, rotations)
        moved = shifts @ rotation.T + shift
        if not all(_signature(r, t) in known for r, t in zip(products, moved, strict=True)):
            raise UnusableRecordError("its symmetry operations are no group: one is missing or misspelt")


def _signature(rotation: np.ndarray, shift: np.ndarray) -> bytes:
    return np.asarray(rotation, np.int64).tobytes() + np.asarray(shift % gemmi.Op.DEN, np.int64).tobytes()


def _named(block: Block, *, doubtful: bool) -> list[Symmetry] | None:
    """Return the settings that Hall symbols, symbols and numbers allow together; None if none is given.

    A symbol that cannot be read is none beside another name that can, or if `doubtful`.
    """
    found: list[Symmetry] | None = None
    first = ("", "")
    for tag, read in _NAMES.items():
        value = block.one(tag)
        if value is None:
            continue
        try:
            others = read(value)
        except UnusableRecordError:
            if doubtful or (found is not None and read is _by_symbol):
                continue
            raise
        what = f"{_KINDS[read]} {value}"
        if found is None:
            found, first = others, (tag, what)
        else:
            settings = {tag, first[0]} <= _OF_SETTINGS and what != first[1]
            found = _both(found, others, first[1], what, settings=settings)
    return found


def _both(
    found: list[Symmetry], others: list[Symmetry], first: str, second: str, *, settings: bool
) -> list[Symmetry]:
    """Return those of `found` whose group is among the others'.

    Where both names are of the `settings` themselves, those that both may mean, or if there are none, all:
    the caller decides by what the file declares.
    """
    numbers = {s.number for s in others}
    agreeing = [s for s in found if s.number is None or s.number in numbers]
    if not agreeing:
        raise UnusableRecordError(f"its {first[:60]} and its {second[:60]} are two space groups; correct one")
    if not settings:
        return agreeing
    keys = {s.key for s in others}
    return [s for s in agreeing if s.key in keys] or [*agreeing, *others]


def _by_number(value: str) -> list[Symmetry]:
    """Return the settings of a group; of P 1 and P -1 the primitive one, as no program means another."""
    place = number(value)
    if place is None or place not in range(1, 231):
        raise UnusableRecordError(f"its space-group number {value[:20]!r} is none of 1 to 230; correct it")
    groups = (g for g in gemmi.spacegroup_table() if g.number == place)
    return [_setting(g) for g in groups if place > 2 or g.is_reference_setting()]


def _by_hall(symbol: str) -> list[Symmetry]:
    try:
        operations = gemmi.symops_from_hall(plain_symbol(symbol[:200].replace("_", " "))[:60])
    except (ValueError, RuntimeError) as error:
        raise UnusableRecordError(
            f"its Hall symbol {symbol[:40]!r} cannot be read; list the operations"
        ) from error
    group: Any = gemmi.find_spacegroup_by_ops(operations)  # None where there is none, whatever its types say
    source = f"Hall symbol {symbol[:40]}"
    place = None if group is None else group.number
    return [Symmetry(source, place, tuple(op.wrap() for op in operations))]


def _by_symbol(symbol: str) -> list[Symmetry]:
    """Return the settings a Hermann-Mauguin symbol may mean."""
    plain = plain_symbol(symbol[:200])
    if len(plain) <= 40:
        if known := _table().get(_key(plain)):
            return [_setting(g) for g in known]
        if match := _SUFFIX.fullmatch(plain):
            wanted = match[2] or _QUALIFIER[match[3].lower()]
            groups = [g for g in _table().get(_key(match[1]), ()) if g.ext == wanted]
            if groups:
                return [_setting(g) for g in groups]
        if (place := _AS_NUMBER.fullmatch(plain)) and int(place[1]) in range(1, 231):
            return _by_number(place[1])
    raise UnusableRecordError(
        f"its space-group symbol {symbol[:40]!r} is unknown; write it as in International Tables or list the "
        "operations"
    )


def _setting(group: gemmi.SpaceGroup) -> Symmetry:
    return Symmetry(f"space group {group.xhm()}", group.number, _operations(group.xhm()))


@lru_cache(maxsize=600)
def _operations(xhm: str) -> tuple[gemmi.Op, ...]:
    group = next(g for g in gemmi.spacegroup_table() if g.xhm() == xhm)
    return tuple(op.wrap() for op in group.operations())


def _key(symbol: str) -> str:
    """Return what equal symbols have in common: no spaces, one case."""
    return "".join(symbol.replace("_", " ").lower().split())


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[gemmi.SpaceGroup, ...]]:
    """All settings by every spelling of their symbols."""
    table: dict[str, list[gemmi.SpaceGroup]] = {}
    for group in gemmi.spacegroup_table():
        for spelling in dict.fromkeys(_spellings(group)):
            table.setdefault(spelling, []).append(group)
    for spelling, groups in table.items():
        # a short symbol of a monoclinic group means the unique axis b, where the table has it
        along_b = [g for g in groups if g.monoclinic_unique_axis() == "b"]
        exact = [g for g in groups if _key(g.hm) == spelling]
        table[spelling] = exact or along_b or groups
    return {spelling: tuple(groups) for spelling, groups in table.items()}


def _spellings(group: gemmi.SpaceGroup) -> Iterable[str]:
    yield _key(group.hm)
    if group.ext in "12HR":
        yield _key(group.hm + ":" + group.ext)
        yield _key(group.hm + " :" + group.ext)
    parts = group.hm.lower().split()
    yield from ("".join([parts[0], *axes]) for axes in product(*_axes(group.point_group_hm(), parts[1:])))
    if len(parts) == 4 and parts.count("1") == 2 and group.number > 2:
        yield "".join(p for p in parts if p != "1")
    if group.number in (39, 41, 64, 67, 68) and group.is_reference_setting():
        e = {39: "aem2", 41: "aea2", 64: "cmce", 67: "cmme", 68: "ccce"}
        yield e[group.number]


def _axes(point_group: str, axes: list[str]) -> list[list[str]]:
    """Return the spellings of each part of a symbol: m, or 2/m and 21/m in full; -3, or 3 as before 1983."""
    spellings = [[axis] for axis in axes]
    full = {
        "mmm": (_TWOFOLD, _TWOFOLD, _TWOFOLD),
        "4/mmm": ((), _TWOFOLD, _TWOFOLD),
        "6/mmm": ((), _TWOFOLD, _TWOFOLD),
        "-3m": ((), _TWOFOLD, _TWOFOLD),
        "m-3": (_TWOFOLD, ()),
        "m-3m": (("4/", "41/", "42/", "43/"), (), _TWOFOLD),
    }
    for axis, spelling, prefixes in zip(
        axes, spellings, full.get(point_group, ((),) * len(axes)), strict=False
    ):
        if axis.isalpha():
            spelling += [prefix + axis for prefix in prefixes]
        elif axis == "-3" and point_group.startswith("m"):
            spelling.append("3")
    return spellings


_KINDS = {_by_hall: "Hall symbol", _by_symbol: "symbol", _by_number: "number"}
_OF_SETTINGS = {"_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m_full"}
_NAMES: dict[str, Callable[[str], list[Symmetry]]] = {
    "_space_group_name_hall": _by_hall,
    "_symmetry_space_group_name_hall": _by_hall,
    "_space_group_name_h-m_alt": _by_symbol,
    "_symmetry_space_group_name_h-m": _by_symbol,
    "_space_group_name_h-m_full": _by_symbol,
    "_space_group_name_h-m_ref": _by_symbol,
    "_space_group_it_number": _by_number,
    "_symmetry_int_tables_number": _by_number,
}
"""What names a symmetry, by tag, and how it is read; the first counts most."""

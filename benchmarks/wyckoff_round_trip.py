"""Round trip: every crystal to its asymmetric unit and back to all atoms of the conventional cell.

EPITAXY_DATA=/path/to/data python benchmarks/wyckoff_round_trip.py [--names mp_20] [--splits val test]
    [--symprec 0.1] [--workers N] [--out round_trip.json]

A crystal comes back if pymatgen's StructureMatcher (default settings) matches the expanded cell to it. Its
space group comes back if spglib finds the group of the asymmetric unit, which is the one that it found in the
crystal at this symprec, in the expanded cell too: at the same symprec, and at 0.01. At the same symprec it
may find a higher group, for what it finds depends on the cell it is given. The crystals for which one of
these fails are named with the reason, and so are those that have no asymmetric unit.

By default StructureMatcher reduces both to what pymatgen takes for their primitive cells, within 0.25
angstrom, and finds pseudo-translations in one description of a crystal that it misses in another. What does
not match is compared again in spglib's primitive cells at 0.01 without that reduction, and the reason says
how this ended; the shares count the first comparison only.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import spglib
import torch
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Element, Structure

from epitaxy.data import CrystalDataset, to_structures
from epitaxy.data._pool import ordered_map
from epitaxy.data.wyckoff import SYMPREC, WyckoffDataset

STRICT = 0.01  # angstrom
CHUNK = 32


class Task(NamedTuple):
    """One crystal as it was and as it came back."""

    name: str
    group: int
    before: Structure
    after: Structure


class Outcome(NamedTuple):
    """What became of one crystal: whether it matches, and the groups of the cell that came back.

    `unreduced` says whether spglib's primitive cells match; it is looked up only where `matches` is false.
    """

    name: str
    group: int
    matches: bool
    unreduced: bool
    found: int | None
    found_strictly: int | None

    def reasons(self, symprec: float) -> list[str]:
        """Say what did not come back."""
        again = "but does without its own reduction" if self.unreduced else "nor without its own reduction"
        lines = [] if self.matches else [f"StructureMatcher finds no match, {again}"]
        for tolerance, found in ((symprec, self.found), (STRICT, self.found_strictly)):
            if found != self.group:
                lines.append(f"group {self.group}, found {found} at symprec {tolerance}")
        return lines


def as_cell(structure: Structure) -> tuple[list[list[float]], list[list[float]], list[int]]:
    """Return what spglib takes."""
    return structure.lattice.matrix.tolist(), structure.frac_coords.tolist(), list(structure.atomic_numbers)


def space_group(structure: Structure, symprec: float) -> int | None:
    """Return the number that spglib finds."""
    try:
        found = spglib.get_symmetry_dataset(as_cell(structure), symprec=symprec)
    except Exception:  # what spglib returned None for, later versions raise for
        return None
    return None if found is None else int(found.number)


def primitive(structure: Structure) -> Structure:
    """Return spglib's primitive cell, or the cell as it is where spglib finds none."""
    found = spglib.find_primitive(as_cell(structure), symprec=STRICT)
    if found is None:
        return structure
    lattice, positions, numbers = found
    return Structure(lattice, list(map(Element.from_Z, numbers)), positions)


def compare(task: Task, symprec: float) -> Outcome:
    """Compare one crystal with what came back of it."""
    matches = bool(StructureMatcher().fit(task.before, task.after))
    unreduced = matches or bool(
        StructureMatcher(primitive_cell=False).fit(primitive(task.before), primitive(task.after))
    )
    found, strictly = (space_group(task.after, tolerance) for tolerance in (symprec, STRICT))
    return Outcome(task.name, task.group, matches, unreduced, found, strictly)


def check(tasks: list[Task], symprec: float) -> list[Outcome]:
    """Compare some crystals with what came back of them."""
    return [compare(task, symprec) for task in tasks]


def pairs(crystals: CrystalDataset, units: WyckoffDataset) -> Iterator[Task]:
    """Yield crystals with their expanded asymmetric units."""
    place = {name: i for i, name in enumerate(crystals.ids)}
    for first in range(0, len(units), CHUNK):
        batch = units.batch(range(first, min(first + CHUNK, len(units))), dtype=torch.float64)
        before = to_structures(crystals.batch([place[name] for name in batch.ids], dtype=torch.float64))
        after = to_structures(batch.expand())
        yield from map(Task, batch.ids, batch.space_groups.tolist(), before, after)


def outcomes(
    crystals: CrystalDataset, units: WyckoffDataset, symprec: float, workers: int
) -> Iterator[Outcome]:
    """Check every asymmetric unit and show how far it is."""
    start = time.perf_counter()
    results = ordered_map(partial(check, symprec=symprec), pairs(crystals, units), workers=workers)
    for done, outcome in enumerate(results, start=1):
        seconds = time.perf_counter() - start
        print(f"\r{done} of {len(units)} crystals, {seconds:.0f} s", end="", file=sys.stderr, flush=True)
        yield outcome
    print(file=sys.stderr)


def measure(name: str, split: str, symprec: float, workers: int) -> dict[str, Any]:
    """Take one split there and back."""
    crystals = CrystalDataset.load(name, split, workers=workers)
    units = WyckoffDataset.load(name, split, symprec=symprec, workers=workers)
    failures: dict[str, list[str]] = {}
    if units.prepared is not None:
        known = set(crystals.ids)
        lines = map(json.loads, units.prepared.rejects_path.read_text(encoding="utf-8").splitlines())
        failures |= {
            line["id"]: [f"no asymmetric unit: {line['reason']}"] for line in lines if line["id"] in known
        }
    results = list(outcomes(crystals, units, symprec, workers))
    failures |= {r.name: reasons for r in results if (reasons := r.reasons(symprec))}
    return {
        "name": name,
        "split": split,
        "crystals": len(crystals),
        "units": len(units),
        "matching": sum(r.matches for r in results),
        "matching_unreduced": sum(r.unreduced for r in results),
        "same_group": sum(r.found == r.group for r in results),
        "same_group_strictly": sum(r.found_strictly == r.group for r in results),
        "failures": failures,
    }


def show(row: dict[str, Any], symprec: float) -> None:
    """Print one split's shares and its failures."""
    total = row["crystals"]
    shares = {
        "have a unit": row["units"],
        "come back matching": row["matching"],
        "or matching unreduced": row["matching_unreduced"],
        f"same group at {symprec}": row["same_group"],
        f"same group at {STRICT}": row["same_group_strictly"],
    }
    print(f"{row['name']} {row['split']}: {total} crystals")
    for label, count in shares.items():
        print(f"  {label:24} {count:7} {100 * count / total:9.3f} %")
    for crystal, reasons in row["failures"].items():
        print(f"    {crystal:14} {'; '.join(reasons)}")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--names", nargs="+", default=["mp_20"])
    parser.add_argument("--splits", nargs="+", default=["val", "test"])
    parser.add_argument("--symprec", type=float, default=SYMPREC)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("wyckoff_round_trip.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in arguments.names:
        for split in arguments.splits:
            rows.append(measure(name, split, arguments.symprec, arguments.workers))
            show(rows[-1], arguments.symprec)
    result = {"symprec": arguments.symprec, "spglib": spglib.__version__, "splits": rows}
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

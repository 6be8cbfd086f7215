"""From a network's answer to the atoms of a cell: batched, against pyxtal's objects in a Python loop.

python benchmarks/reconstruct.py [--crystals 400] [--threads 1]

Random crystals of random groups: 1 to 7 orbits on random Wyckoff positions, points about 0.02 off them, site
symmetries as a network would give them, a cell of the group's family. Both sides choose each orbit's
position (the best match of site symmetries, then the nearest), move the point onto it, and list the orbit.
pyxtal's side is what SymmCD does: the same rule over `Group`, `search_cloest_wp` and `apply_ops`; its tables
are prepared beforehand and its cell is left out. Needs pyxtal.
"""

import argparse
import statistics
import time
from collections import Counter
from typing import Any

import numpy as np
import torch
from pyxtal.symmetry import Group, search_cloest_wp
from torch import Tensor

from epitaxy.geometry import FlatTorus, Segments, gram
from epitaxy.geometry.symmetry import (
    Orbits,
    assign_wyckoff,
    constrain_k,
    expand_orbits,
    expand_points,
    lattice_from_k,
    project_to_wyckoff,
    site_symmetry_matrix,
    wyckoff_table,
)

TURNS = 5
SAME, NOISE = 1e-3, 0.02


def crystals(count: int, rng: torch.Generator) -> dict[str, Any]:
    """Draw the input of both sides."""
    table = wyckoff_table()
    number = torch.randint(1, 231, (count,), generator=rng)
    segments = Segments.from_counts(torch.randint(1, 8, (count,), generator=rng))
    group = segments.expand(number) - 1
    share = torch.rand(segments.num_atoms, generator=rng)
    site = table.position_first[group] + (share * table.position_first.diff()[group]).long()
    middle = torch.tensor([0, 0, 0, 0, 0, 1.6])
    k = constrain_k(torch.randn(count, 6, generator=rng) * 0.2 + middle, number)
    anywhere = torch.rand(segments.num_atoms, 3, generator=rng)
    on = project_to_wyckoff(table, site, anywhere, segments.expand(gram(lattice_from_k(k)))).coordinates
    return {
        "number": number,
        "segments": segments,
        "classes": table.site_class[site],
        "points": FlatTorus().project(on + NOISE * torch.randn(on.shape, generator=rng)),
        "k": k,
    }


def ours(given: dict[str, Any]) -> Orbits:
    """Cells, positions, orbits."""
    table = wyckoff_table()
    metric = gram(lattice_from_k(given["k"]))
    scores = (site_symmetry_matrix(given["classes"]) * 0.99 + 0.01 / 13).log()
    sites, moved = assign_wyckoff(table, given["segments"], given["number"], given["points"], scores, metric)
    return expand_orbits(table, sites, moved.coordinates, moved.member)


def with_pyxtal(given: dict[str, Any], groups: dict[int, tuple[Any, np.ndarray]]) -> list[np.ndarray]:
    """The same by pyxtal's objects."""
    numbers = given["segments"].expand(given["number"]).tolist()
    found = []
    for number, classes, point in zip(
        numbers, given["classes"].numpy(), given["points"].numpy(), strict=True
    ):
        group, matrices = groups[number]
        asked = np.eye(13)[classes]
        distance = np.square(matrices - asked).sum((1, 2))
        best: tuple[float, Any, np.ndarray] | None = None
        for which in np.nonzero(distance == distance.min())[0]:
            position = group[int(which)]
            for operation in position.ops:
                moved = search_cloest_wp(group, position, operation, point)
                apart = point - moved
                length = float(np.linalg.norm(apart - apart.round()))
                if best is None or length < best[0]:
                    best = (length, position, moved)
        assert best is not None
        found.append(best[1].apply_ops(best[2]))
    return found


def same(one: Tensor, two: np.ndarray) -> bool:
    """Whether two lists of points are the same set."""
    other = torch.from_numpy(np.asarray(two, dtype=np.float32))
    if len(one) != len(other):
        return False
    apart = FlatTorus().wrap(one[:, None] - FlatTorus().project(other)[None]).abs().amax(-1)
    return bool((apart.amin(1) < SAME).all() and (apart.amin(0) < SAME).all())


def is_orbit(given: dict[str, Any], k: int, points: np.ndarray) -> bool:
    """Whether a list of points is what all operators of the group make of its first one."""
    crystal = given["segments"].index[k]
    first = torch.from_numpy(np.asarray(points[:1], dtype=np.float32))
    metric = gram(lattice_from_k(given["k"]))[crystal][None]
    whole = expand_points(wyckoff_table(), given["number"][crystal][None], first, metric, 0.01)
    return same(whole.coordinates, points)


def verdict(given: dict[str, Any], theirs: list[np.ndarray], k: int, mine: Tensor) -> str:
    """Say how the two sides' orbits of an atom compare."""
    other, point = theirs[k], given["points"][k]
    if same(mine, other):
        return "the same points"
    if not is_orbit(given, k, other):
        return "pyxtal's list is no orbit of the group"
    if any(same(torch.from_numpy(np.float32(theirs[n])), other) for n in earlier(given, k)):
        return "pyxtal puts a second atom on a site that holds one"
    if gap(other, point) > gap(mine.numpy(), point) + SAME:
        return "pyxtal moves the point farther than it need be"
    return "another position, of other site symmetries in its table"


def earlier(given: dict[str, Any], k: int) -> range:
    """The atoms before one in its crystal."""
    return range(int(given["segments"].offsets[given["segments"].index[k]]), k)


def gap(points: np.ndarray, point: Tensor) -> float:
    """How near a list of points comes to a point, in fractions of the cell."""
    apart = FlatTorus().wrap(torch.from_numpy(np.float32(points)) - point)
    return float(apart.norm(dim=1).min())


def main() -> None:
    """Measure both and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--crystals", type=int, default=400)
    parser.add_argument("--threads", type=int, default=1)
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    given = crystals(words.crystals, torch.Generator().manual_seed(0))
    groups = {}
    for number in set(given["number"].tolist()):
        group = Group(number)
        groups[number] = (group, np.array([w.get_site_symmetry_object().to_one_hot() for w in group]))
    ours(given)  # builds the table
    fast, slow, ratios = [], [], []
    for _ in range(TURNS):
        start = time.process_time()
        made = ours(given)
        middle = time.process_time()
        theirs = with_pyxtal(given, groups)
        fast.append(middle - start)
        slow.append(time.process_time() - middle)
        ratios.append(slow[-1] / fast[-1])
    points = torch.split(made.coordinates, made.segments.counts.tolist())
    judged = Counter(verdict(given, theirs, k, mine) for k, mine in enumerate(points))
    each = 1e3 / words.crystals
    print(f"ours   {each * statistics.median(fast):9.3f} ms a crystal (processor time, median of {TURNS})")
    print(f"pyxtal {each * statistics.median(slow):9.3f} ms a crystal")
    print(f"ratio  {statistics.median(ratios):9.0f}   ({min(ratios):.0f} to {max(ratios):.0f} turn by turn)")
    for words_for, count in judged.most_common():
        print(f"{count:5d} of {len(theirs)} orbits: {words_for}")


if __name__ == "__main__":
    main()

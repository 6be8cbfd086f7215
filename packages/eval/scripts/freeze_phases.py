"""Freeze the default potential's energies of known phases into ``phases.npz``, so that hulls begin with them.

    python packages/eval/scripts/freeze_phases.py mp_20 --cache FOLDER --minutes 60

Needs epitaxy-apps, which reads the datasets as ``relax --hull`` does, CHGNet and EPITAXY_DATA. It computes
what hulls of one and two elements need, the systems of the most crystals first, for so many minutes, and
freezes all that the folder then holds of the dataset's phases beside what the present file has, whatever the
number of their elements: energies of these as they are, and enthalpies of those near a hull, relaxed by the
default settings. Called again it goes on.
"""

import argparse
import io
import time
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
from pymatgen.core import Structure

from epitaxy.apps.evaluation.relax import _all_splits
from epitaxy.apps.foundation.files import write_bytes
from epitaxy.eval.isolation import Done
from epitaxy.eval.resumable import structure_key
from epitaxy.eval.resumable.store import Store, about_task
from epitaxy.eval.shipped import DECIMALS
from epitaxy.eval.stability import References, Relaxed, RelaxSettings, Work, build_hull, load_potential, sound
from epitaxy.eval.stability.batch import _Energy, _Relax, known_phases
from epitaxy.eval.stability.hull import chemical_system
from epitaxy.eval.stability.phases import FILE

HOME = Path(__file__).parents[1] / "src/epitaxy/eval"
AT_ONCE, ELEMENTS = 16, 2


def main() -> None:
    """Parse the words, compute, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=0.0)
    words = parser.parse_args()
    phases: dict[str, Structure] = {}
    for name in words.datasets:
        phases |= {f"{name}/{key}": one for key, one in _all_splits(name, None).items()}
    potential, settings = load_potential("chgnet"), RelaxSettings()
    _compute(phases, words.cache, words.minutes)
    keys = {name: structure_key(one) for name, one in phases.items()}
    abouts, columns = [], []
    for task in (_Energy(potential), _Relax(potential, settings)):
        held = Store(words.cache, task.NAME, task.VERSION, task.parameters).read(set(keys.values()), None)
        found = known_phases(phases, potential, None if isinstance(task, _Energy) else settings)
        for name, key in keys.items():
            outcome = held.get(key)
            if not isinstance(outcome, Done):
                continue
            if isinstance(task, _Energy):
                found[name] = outcome.value
            elif isinstance(relaxed := sound(outcome, potential), Relaxed):
                found[name] = relaxed.enthalpy
        abouts.append(about_task(task.NAME, task.VERSION, task.parameters))
        columns.append(found)
    names = {structure_key(phases[name], decimals=DECIMALS): name for name in {**columns[0], **columns[1]}}
    ordered = sorted(names)
    content = io.BytesIO()
    np.savez_compressed(
        content,
        about=np.array(abouts),
        keys=np.array([np.frombuffer(bytes.fromhex(key), dtype=np.uint8) for key in ordered]),
        **{
            f"values{n}": np.array([column.get(names[key], np.nan) for key in ordered], dtype=np.float32)
            for n, column in enumerate(columns)
        },
    )
    write_bytes(HOME / FILE, content.getvalue())
    print(f"{len(columns[0])} energies, {len(columns[1])} minima; {len(content.getvalue()):,} bytes")  # noqa: T201


def _compute(phases: dict[str, Structure], cache: Path, minutes: float) -> None:
    """Fill the cache with what hulls need, a few chemical systems at a time."""
    until = time.monotonic() + 60 * minutes
    held = {name: chemical_system(one.composition) for name, one in phases.items()}
    systems = _common(list(held.values()))
    simple = {name: one for name, one in phases.items() if len(held[name]) <= ELEMENTS}
    references, potential = References(source="", structures=simple), load_potential("chgnet")
    work = Work(cache=cache, until=until)
    for n in range(0, len(systems), AT_ONCE):
        if time.monotonic() > until:
            return
        try:
            build_hull(references, systems[n : n + AT_ONCE], potential, work=work)
        except TimeoutError:
            return
        print(f"{n + AT_ONCE} of {len(systems)} systems", flush=True)  # noqa: T201


def _common(held: list[frozenset[str]]) -> list[frozenset[str]]:
    """Return the systems of one and two elements, those first that the most phases have within them."""
    count: Counter[frozenset[str]] = Counter()
    for system in held:
        for number in range(1, ELEMENTS + 1):
            count.update(frozenset(part) for part in combinations(sorted(system), number))
    there = set(held)
    return [system for system, _ in count.most_common() if system in there]


if __name__ == "__main__":
    main()

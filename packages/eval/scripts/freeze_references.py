"""Freeze what ``eval dng`` asks of test sets' crystals into ``references.npz``, so that it begins at once.

    python packages/eval/scripts/freeze_references.py mp_20 perov_5 --cache FOLDER

Needs epitaxy-apps, which reads the datasets as ``eval dng`` does, and EPITAXY_DATA; mp_20 takes some twelve
minutes of a processor. Interrupted and called again with the same ``--cache`` it goes on; ``--reuse`` takes
from the present file what it has, and computes the rest. A crystal of which a task fails is left out.
"""

import argparse
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Structure

from epitaxy.apps.evaluation.crystals import known_crystals
from epitaxy.apps.foundation.files import write_bytes
from epitaxy.eval import shipped
from epitaxy.eval.dng import describe
from epitaxy.eval.fingerprints import compute
from epitaxy.eval.isolation import Done
from epitaxy.eval.resumable import resume_map, structure_key

HOME = Path(__file__).parents[1] / "src/epitaxy/eval"
LIMIT = 120.0
TASKS: dict[str, tuple[int, Any]] = {
    compute.TASK: (compute.VERSION, compute._entries),
    describe.TASK: (describe.VERSION, describe._describe),
    describe.GROUP_TASK: (describe.VERSION, describe._SpaceGroup(describe.SYMPREC)),
}


def main() -> None:
    """Parse the words, compute, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--reuse", action="store_true", help="compute only what the present file has not")
    words = parser.parse_args()
    crystals: dict[str, Structure] = {}
    for name in words.datasets:
        known = known_crystals(name, "test", None).values()
        crystals |= {structure_key(c, decimals=shipped.DECIMALS): c for c in known}
    found = {task: _results(task, crystals, words) for task in TASKS}
    whole = sorted(set.intersection(*(set(results) for results in found.values())))
    print(f"{len(whole)} of {len(crystals)} crystals")  # noqa: T201
    columns = {f"{task}-v{TASKS[task][0]}": _column([found[task][key] for key in whole]) for task in TASKS}
    keys = np.array([np.frombuffer(bytes.fromhex(key), dtype=np.uint8) for key in whole])
    content = io.BytesIO()
    np.savez_compressed(content, keys=keys, **columns)
    write_bytes(HOME / shipped.FILE, content.getvalue())
    print(f"{len(content.getvalue()):,} bytes")  # noqa: T201


def _results(task: str, crystals: dict[str, Structure], words: argparse.Namespace) -> dict[str, Any]:
    version, work = TASKS[task]
    keys = list(crystals)
    outcomes = resume_map(
        work, list(crystals.values()), keys=keys, name=task, version=version, cache=words.cache,
        known=shipped.shipped(task, version, crystals) if words.reuse else {},
        workers=words.workers, limit=LIMIT,
        parameters={"symprec": describe.SYMPREC} if task == describe.GROUP_TASK else {},
        progress=lambda done, total: print(task, done, total) if done % 1000 == 0 else None,  # noqa: T201
    )  # fmt: skip
    return {key: o.value for key, o in zip(keys, outcomes, strict=True) if isinstance(o, Done)}


def _column(results: list[Any]) -> np.ndarray:
    """Store numbers as numbers, all else as JSON."""
    if isinstance(results[0], dict):
        return np.frombuffer(json.dumps(results, separators=(",", ":")).encode(), dtype=np.uint8)
    return np.array(results, dtype=np.float32 if isinstance(results[0], list) else np.int16)


if __name__ == "__main__":
    main()

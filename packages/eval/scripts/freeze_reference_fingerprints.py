"""Freeze the structure fingerprints of test sets into ``references.npz``, for ``eval dng`` to begin at once.

    python packages/eval/scripts/freeze_reference_fingerprints.py mp_20 perov_5 --cache FOLDER

Needs epitaxy-apps, which reads the datasets as ``eval dng`` does, and EPITAXY_DATA; mp_20 takes some ten
minutes of a processor. Interrupted and called again with the same ``--cache`` it goes on; ``--kept`` writes
what is there.
"""

import argparse
import io
from pathlib import Path

import numpy as np

from epitaxy.apps.evaluation.crystals import known_crystals
from epitaxy.apps.foundation.files import write_bytes
from epitaxy.eval.fingerprints import shipped
from epitaxy.eval.fingerprints.compute import _entries
from epitaxy.eval.isolation import Done
from epitaxy.eval.resumable import resume_map, structure_key
from epitaxy.eval.resumable.store import Store

HOME = Path(__file__).parents[1] / "src/epitaxy/eval/fingerprints"


def main() -> None:
    """Parse the words, compute, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--kept", action="store_true", help="compute nothing: write what the cache has")
    words = parser.parse_args()
    values: dict[str, list[float]] = {}
    for name in words.datasets:
        crystals = known_crystals(name, "test", None)
        keys = [structure_key(crystal) for crystal in crystals.values()]
        if words.kept:
            outcomes = Store(words.cache, "coverage-fingerprint", shipped.VERSION, {}).read(set(keys), 120.0)
        else:
            done = resume_map(
                _entries, list(crystals.values()), keys=keys, name="coverage-fingerprint",
                version=shipped.VERSION, cache=words.cache, workers=words.workers, limit=120.0,
            )  # fmt: skip
            outcomes = dict(zip(keys, done, strict=True))
        found = {key: outcome.value for key, outcome in outcomes.items() if isinstance(outcome, Done)}
        print(f"{name}: {len(found)} of {len(set(keys))} crystals")  # noqa: T201
        values |= found
    ordered = sorted(values)
    content = io.BytesIO()
    np.savez_compressed(
        content,
        version=np.int64(shipped.VERSION),
        keys=np.array([np.frombuffer(bytes.fromhex(key), dtype=np.uint8) for key in ordered]),
        values=np.array([values[key] for key in ordered], dtype=np.float32),
    )
    write_bytes(HOME / shipped.FILE, content.getvalue())
    print(f"{len(content.getvalue()):,} bytes")  # noqa: T201


if __name__ == "__main__":
    main()

"""What a match rate is worth: the true cell with its atoms at random positions, scored as a prediction.

Run as ``python benchmarks/csp_floor.py [DATASET [NUMBER]]`` (perov_5 and 500 by default). The crystals are
those that ``crysbfn sample --compositions DATASET --limit NUMBER`` predicts: judge a model against it.
"""

import os
import sys

import torch
from pymatgen.core import Structure

from epitaxy.apps.crystals.data import load_crystals
from epitaxy.eval import match_csp


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "perov_5"
    limit = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    dataset = load_crystals(name, "test", limit=limit)
    truths = dict(zip(dataset.ids, dataset.structures(), strict=True))
    generator = torch.Generator().manual_seed(0)
    guesses = {
        key: [Structure(truth.lattice, truth.species, torch.rand(len(truth), 3, generator=generator).numpy())]
        for key, truth in truths.items()
    }
    for protocol in ("cdvae", "crysbfn", "strict"):
        result = match_csp(guesses, truths, protocol=protocol, workers=os.cpu_count() or 1)
        rate, rmse = result.match_rate(1) or 0.0, result.rmse(1)
        print(
            f"{name}, {len(truths)} test crystals, true cell, random positions, protocol {protocol}: ", end=""
        )
        print(f"match rate {100 * rate:.1f} %, RMSE {'none' if rmse is None else f'{rmse:.3f}'}")


if __name__ == "__main__":
    main()

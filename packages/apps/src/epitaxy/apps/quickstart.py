"""The quickstart: every part of the product once, on embedded crystals, in a few minutes of CPU."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pymatgen.core import Structure

from epitaxy.apps.config import preset
from epitaxy.apps.crysbfn import CrysBFN
from epitaxy.apps.data import compositions, load_split
from epitaxy.apps.errors import UsageError
from epitaxy.apps.model_dir import load_model
from epitaxy.apps.progress import reporting
from epitaxy.apps.report.curves import loss_figure
from epitaxy.apps.report.page import Section, write_page
from epitaxy.apps.report.structure3d import structure_figure
from epitaxy.apps.sampling.folder import Circumstances, write_folder
from epitaxy.apps.sampling.generate import Sample, generate
from epitaxy.apps.sampling.request import for_compositions
from epitaxy.apps.say import say
from epitaxy.apps.training.records import read_metrics
from epitaxy.apps.training.run import METRICS, open_run, train
from epitaxy.data import CrystalDataset
from epitaxy.eval import CSPResult, match_csp

DATASET = "prototypes"
FORMULAS = ("SrTiO3", "NaCl", "CaF2", "ZnS")
HELD_OUT = 60
GALLERY = 12
SEED = 0


def run_quickstart(out: Path, *, num: int = 1) -> None:
    """Train, sample held-out compositions, score them, write CIFs and a page into ``out``.

    Raises:
        UsageError: ``out`` is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"--out {out} is not an empty folder: choose another")
    started = time.monotonic()
    train_data = load_split(DATASET, "train")
    val_data = load_split(DATASET, "val")
    held_out = load_split(DATASET, "test", limit=HELD_OUT)
    run = out / "run"
    recipe = open_run(run, preset("quickstart", task="csp", dataset=DATASET), resume=False)
    say(f"training CrysBFN on {len(train_data)} embedded crystals")
    with reporting("training") as progress:
        train(recipe, run, train_data=train_data, val_data=val_data, progress=progress)
    trained = time.monotonic()

    samples = _sample(run, held_out, num, out / "samples")
    result = _score(samples, held_out)
    structures = _sample_formulas(run)
    seconds = time.monotonic() - started
    page = out / "quickstart.html"
    _write_page(page, run, result, samples, structures, trained - started, seconds)
    rate = result.metrics["match_rate@1"]
    say(f"match rate on {len(held_out)} held-out compositions: {rate:.1%} (protocol {result.protocol.name})")
    say(f"CIF files in {out / 'samples' / 'cif'}, page in {page}; {seconds:.0f} s in all")

"""The quickstart: every part of the product once, on embedded crystals, in a few minutes of CPU.

What it trains is a toy, and its page says so: it shows that everything works, not how good models are.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go
from pymatgen.core import Structure
from pymatgen.io.cif import CifWriter

from epitaxy.apps.crystals.data import compositions, load_crystals
from epitaxy.apps.crystals.generator import CrysBFN
from epitaxy.apps.crystals.requests import for_compositions
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.files import write_text
from epitaxy.apps.foundation.folders import METRICS
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.foundation.progress import reporting
from epitaxy.apps.generative.model_dir import LoadedModel, load_model
from epitaxy.apps.generative.recipes import preset
from epitaxy.apps.report.curves import loss_figure
from epitaxy.apps.report.page import Section, write_page
from epitaxy.apps.report.scores import score_rows
from epitaxy.apps.report.structure3d import structure_figure
from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.sampling.generate import generate
from epitaxy.apps.sampling.output_folder import SamplingRecord, write_folder
from epitaxy.apps.training.metrics import read_metrics
from epitaxy.apps.training.run import Hardware, open_run, train
from epitaxy.data import CrystalDataset
from epitaxy.eval import CSPResult, match_csp

DATASET = "prototypes"
FORMULAS = ("SrTiO3", "NaCl", "CaF2")
HELD_OUT = 60
GALLERY = 6
SEED = 0
BETTER = (
    "this is a toy, trained for minutes: `epitaxy models` lists models that come with the package and are "
    "better, such as `kldm sample kldm-mp20 --formula SrTiO3 --out out`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    run: Path
    result: CSPResult
    held_out: CrystalDataset
    samples: Sequence[Sample]
    asked_for: Sequence[Structure]
    training_seconds: float
    seconds: float


def run_quickstart(out: Path, *, num: int = 1, devices: int = 1) -> None:
    """Train, sample held-out compositions, score them, write CIFs and a page into ``out``.

    Raises:
        UsageError: ``out`` is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"--out {out} is not an empty folder: choose another")
    started = time.monotonic()
    train_data, val_data = load_crystals(DATASET, "train"), load_crystals(DATASET, "val")
    held_out = load_crystals(DATASET, "test", limit=HELD_OUT)
    run = out / "run"
    recipe = open_run(run, preset("quickstart", task="csp", dataset=DATASET), resume=False)
    notify(f"training CrysBFN on {len(train_data)} embedded crystals")
    with reporting("training") as progress:
        train(
            recipe, run, train_data=train_data, val_data=val_data, progress=progress,
            hardware=Hardware(devices=devices),
        )  # fmt: skip
    training_seconds = time.monotonic() - started
    model = CrysBFN.load(str(run))
    samples = _sample(load_model(str(run)), model, held_out, num, out / "samples")
    outcome = _Outcome(
        run=run,
        result=_score(samples, held_out),
        held_out=held_out,
        samples=samples,
        asked_for=model.sample(formula=FORMULAS, num=1, seed=SEED),
        training_seconds=training_seconds,
        seconds=time.monotonic() - started,
    )
    for structure in outcome.asked_for:
        write_text(out / "asked" / f"{structure.composition.reduced_formula}.cif", str(CifWriter(structure)))
    _write_page(out / "quickstart.html", outcome)
    rate = outcome.result.match_rate(1) or 0.0
    notify(
        f"{rate:.0%} of {len(held_out)} held-out compositions match (protocol {outcome.result.protocol.name})"
    )
    notify(f"crystals in {out / 'samples' / 'cif'} and {out / 'asked'}, page in {out / 'quickstart.html'}")
    notify(f"{outcome.seconds:.0f} s in all; {BETTER}")


def _sample(
    loaded: LoadedModel, model: CrysBFN, held_out: CrystalDataset, num: int, folder: Path
) -> list[Sample]:
    requests = for_compositions(compositions(held_out), model.model.statistics, num=num, seed=SEED)
    steps = model.model.recipe.sampling.steps
    started = time.monotonic()
    with reporting("sampling") as progress:
        samples = [
            sample
            # As drawn: the page gives the rate of matches, which papers measure of one draw a request.
            for batch in generate(model.model, requests, steps=steps, redraws=0, progress=progress)
            for sample in batch
        ]
    record = SamplingRecord(
        model=loaded, steps=steps, sampler=None, temperature=None, consensus=1, seed=SEED,
        seconds=time.monotonic() - started, requested=len(requests),
    )  # fmt: skip
    write_folder(folder, samples, record)
    return samples


def _score(samples: Sequence[Sample], held_out: CrystalDataset) -> CSPResult:
    predictions: dict[str, list[Structure | None]] = {name: [] for name in held_out.ids}
    for sample in samples:
        predictions[sample.request.id].append(sample.crystal)
    references = dict(zip(held_out.ids, held_out.structures(), strict=True))
    with reporting("matching") as progress:
        return match_csp(
            predictions,
            references,
            protocol="crysbfn",
            progress=lambda done, total: progress(done, total, ""),
        )


def _write_page(path: Path, outcome: _Outcome) -> None:
    sections = [
        Section(
            title="Asked for by formula",
            note="One draw each, in the folder asked/. A toy's crystals may be distorted: compare the edges.",
            figures=[structure_figure(s, title=_title(s)) for s in outcome.asked_for],
            gallery=True,
        ),
        Section(
            title="Held-out compositions: predictions that match, each beside the true crystal",
            figures=_pairs(outcome),
            gallery=True,
        ),
        Section(
            title="Numbers",
            note="Compositions that training did not see, one structure each, against the true structure. "
            f"Protocol {outcome.result.protocol.name}: {outcome.result.protocol.definition}",
            header=("metric", "value", "95 % interval"),
            rows=score_rows(outcome.result.report()),
        ),
        Section(
            title="Loss",
            note="Of the training crystals (smoothed) and of those held out for validation. "
            f"Trained for {outcome.training_seconds:.0f} s; {outcome.seconds:.0f} s end to end.",
            figures=[loss_figure(read_metrics(outcome.run / METRICS))],
        ),
    ]
    rate = outcome.result.match_rate(1) or 0.0
    lead = (
        f"A small CrysBFN, trained here in {outcome.training_seconds:.0f} seconds, finds the crystal of "
        f"{rate:.0%} of {len(outcome.held_out)} compositions that it had not seen. It shows that everything "
        f"works; {BETTER}."
    )
    write_page(path, title="epitaxy quickstart: CrysBFN on embedded crystals", sections=sections, lead=lead)


def _pairs(outcome: _Outcome) -> list[go.Figure]:
    """Draw predictions that match, each followed by the crystal that it was to be."""
    truths = dict(zip(outcome.held_out.ids, outcome.held_out.structures(), strict=True))
    matched = [
        (match.id, sample.crystal)
        for match, sample in zip(outcome.result.matches, _by_id(outcome.samples), strict=True)
        if match.rms(1) is not None and sample.crystal is not None
    ]
    return [
        structure_figure(structure, title=f"{name}, {word}: {_title(structure)}")
        for name, crystal in matched[:GALLERY]
        for structure, word in ((crystal, "predicted"), (truths[name], "true"))
    ]


def _by_id(samples: Sequence[Sample]) -> list[Sample]:
    """Return the first sample of each id, ascending by id, as the result's matches are."""
    first = {sample.request.id: sample for sample in reversed(samples)}
    return [first[name] for name in sorted(first)]


def _title(structure: Structure) -> str:
    a, b, c = structure.lattice.abc
    return f"{structure.composition.reduced_formula}, {a:.2f} × {b:.2f} × {c:.2f} Å"

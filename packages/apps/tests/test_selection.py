"""``training.keep=sampled``: the weights whose samples are best, whatever came later or stopped it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from safetensors.torch import load_file

from epitaxy.apps import UsageError
from epitaxy.apps.config import Recipe
from epitaxy.apps.crystals import kind as crystals_kind
from epitaxy.apps.foundation.folders import METRICS, WEIGHTS
from epitaxy.apps.foundation.names import ModelName
from epitaxy.apps.generative.dataset import draw
from epitaxy.apps.generative.kind import build_model, kind_of
from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.training.checkpoint import read_checkpoint
from epitaxy.apps.training.metrics import read_metrics
from epitaxy.apps.training.run import CHECKPOINT, open_run, train
from epitaxy.data import to_structures

WORDS = (
    "training.passes=4", "training.validate_every=1", "training.keep=sampled", "training.selection.every=1",
    "training.selection.structures=16", "training.selection.steps=10",
)  # fmt: skip


class Spoils(Callback):
    """Puts noise in the place of what has been learned, at a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        if trainer.global_step == self.step:
            generator = torch.Generator().manual_seed(0)
            with torch.no_grad():
                for weight in pl_module.parameters():
                    weight.add_(0.5 * torch.randn(weight.shape, generator=generator))


class Kills(Callback):
    """Stands for a kill: at the end of a validation."""

    def __init__(self, validation: int) -> None:
        self.left = validation

    def on_validation_end(self, *_: Any) -> None:
        self.left -= 1
        if not self.left:
            raise RuntimeError("killed")


def kept(run: Path) -> dict[str, Any]:
    return read_checkpoint(run / CHECKPOINT)["callbacks"]["BestSampled"]


def shares(run: Path, metric: str = "valid") -> list[float]:
    return [float(row[metric]) for row in read_metrics(run / METRICS) if row[metric]]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def resume(run: Path) -> None:
    recipe = open_run(run, None, resume=True)
    load = kind_of(recipe.model).load
    parts = {
        "train_data": draw(load(recipe, "train", None), 48),
        "val_data": draw(load(recipe, "val", None), 16),
    }
    train(recipe, run, **parts)


@pytest.fixture(scope="module")
def chosen_run(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> Path:
    return make_run(tmp_path_factory.mktemp("chosen") / "run", "dng", *WORDS, model="kldm")


def test_a_spoiled_later_training_loses(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    """Six steps a pass: two validations before step 14, two after it."""
    words = (*WORDS, "training.averaging=null", "training.checkpoint_steps=6")
    run = make_run(tmp_path / "run", "dng", *words, model="kldm", callbacks=[Spoils(14)])
    first, second, third, fourth = shares(run)
    assert max(third, fourth) < max(first, second)
    best = kept(run)
    assert best["step"] == (12 if second >= first else 6)
    assert best["loss"] == pytest.approx(1 - max(first, second))
    assert same(load_file(run / "model" / WEIGHTS), best["weights"])
    assert not same(read_checkpoint(run / CHECKPOINT)["state_dict"], best["weights"])
    share = f"{100 * max(first, second):.1f} %"
    assert (
        f"Kept: step {best['step']}, whose samples were best (valid: {share} of 16 samples at 10 steps)."
        in (run / "model" / "card.md").read_text()
    )


@pytest.mark.parametrize("validation", [1, 2, 3])
def test_a_killed_choice_goes_on_to_the_bit(
    validation: int, chosen_run: Path, tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    run = tmp_path / "run"
    with pytest.raises(RuntimeError, match="killed"):
        make_run(run, "dng", *WORDS, model="kldm", callbacks=[Kills(validation)])
    resume(run)
    assert (run / METRICS).read_text() == (chosen_run / METRICS).read_text()
    expected, found = kept(chosen_run), kept(run)
    assert same(expected.pop("weights"), found.pop("weights"))
    assert expected == found
    assert same(load_file(chosen_run / "model" / WEIGHTS), load_file(run / "model" / WEIGHTS))


class Notes(Callback):
    """Notes the averaged weights of every validation."""

    def __init__(self) -> None:
        self.weights: dict[int, dict[str, torch.Tensor]] = {}

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        state = pl_module.averaged.module.state_dict()
        self.weights[trainer.global_step] = {name: value.clone() for name, value in state.items()}


def test_the_averaged_weights_are_sampled_and_training_is_as_without(
    chosen_run: Path, tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    words = ("training.passes=4", "training.validate_every=1")
    notes = Notes()
    plain = make_run(tmp_path / "run", "dng", *words, model="kldm", callbacks=[notes])
    one, other = (read_checkpoint(run / CHECKPOINT)["state_dict"] for run in (chosen_run, plain))
    assert same(one, other)
    losses = [[row["loss"] for row in read_metrics(run / METRICS)] for run in (chosen_run, plain)]
    assert losses[0] == losses[1]
    found = shares(chosen_run)
    best = max(step for step, share in zip(sorted(notes.weights), found, strict=True) if share == max(found))
    assert kept(chosen_run)["step"] == best
    assert same(kept(chosen_run)["weights"], notes.weights[best])


def test_rounds_come_so_often_and_at_the_last_validation(
    tmp_path: Path, make_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*WORDS, "training.passes=5", "training.selection.every=2")
    said: list[str] = []
    run = make_run(tmp_path / "run", "csp", *words, model="kldm", progress=lambda *call: said.append(call[2]))
    rows = [row for row in read_metrics(run / METRICS) if row["split"] == "val"]
    assert [bool(row["match_rate"]) for row in rows] == [False, True, False, True, True]
    assert any(words.startswith("sampled ") for words in said)
    assert any("match rate " in words for words in said)
    assert "to choose weights by took" in capsys.readouterr().err


def test_it_works_where_the_weights_are_not_float32(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    from epitaxy.apps.training.run import Hardware

    words = (*WORDS, "training.passes=1")
    run = make_run(
        tmp_path / "run",
        "dng",
        *words,
        model="kldm",
        hardware=Hardware(accelerator="cpu", precision="64-true"),
    )
    assert len(shares(run)) == 1


ALL: list[tuple[ModelName, str, str]] = [
    ("kldm", "csp", "match_rate"), ("kldm", "dng", "valid"), ("symmbfn", "csp", "match_rate"),
    ("symmbfn", "dng", "valid"), ("geobfn", "dng", "stable"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "task", "metric"), ALL)
def test_every_kind_tells_good_samples(
    model: ModelName, task: str, metric: str, make_recipe: Callable[..., Recipe]
) -> None:
    """What validation holds is good, but for a rule's exceptions; nothing at all is not."""
    recipe = make_recipe(task, model=model)
    kind = kind_of(model)
    data: Any = kind.load(recipe, "val", None)
    made = build_model(recipe, kind.summarise(data))
    trial = kind.trial(made, data, 12) if kind.trial else None
    assert trial is not None
    assert trial.metric == metric
    assert len(trial.requests) == 12
    batch = draw(data, 12).batch(range(12))
    if model == "geobfn":
        from ase import Atoms

        cuts = [
            part.tolist()
            for part in torch.split(torch.arange(len(batch.numbers)), batch.segments.counts.tolist())
        ]
        known: list[Any] = [Atoms(batch.numbers[cut].numpy(), batch.positions[cut].numpy()) for cut in cuts]
    else:
        known = to_structures(batch.expand() if model == "symmbfn" else batch)
    by_id = dict(zip(batch.ids, known, strict=True))
    samples = [
        Sample(request=request, structure=by_id.get(request.id, known[k]))
        for k, request in enumerate(trial.requests)
    ]
    good = trial.good(samples)
    assert sum(good) >= (10 if task == "csp" else 6)
    none = [Sample(request=sample.request, structure=None, reason="none") for sample in samples]
    assert not any(trial.good(none))
    assert list(trial.good([samples[3], none[0], samples[7]])) == [good[3], False, good[7]]
    if task == "csp":
        shifted = [
            Sample(request=s.request, structure=known[(known.index(s.structure) + 1) % 12]) for s in samples
        ]
        assert sum(trial.good(shifted)) < sum(good)


@pytest.fixture
def nothing_to_judge() -> Iterator[None]:
    with mock.patch.object(crystals_kind, "KLDM", replace(crystals_kind.KLDM, trial=None)):
        yield


def test_a_kind_that_has_no_figure_is_refused_before_training(
    nothing_to_judge: None, tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    with pytest.raises(UsageError, match=r"training\.keep=sampled: nothing says which crystals are good"):
        make_run(tmp_path / "run", "dng", *WORDS, model="kldm")
    assert not (tmp_path / "run" / CHECKPOINT).exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("training.keep=last", "training.selection.steps=7"), "selection is for keep=sampled"),
        (("training.keep=sampled", "training.validate_every=9"), "4 passes have none: lower validate_every"),
        (("training.keep=best", "training.validate_every=9"), "4 passes have none: lower validate_every"),
        (("training.keep=sampled", "training.selection.structures=0"), "greater than 0"),
        (("training.keep=sampled", "training.selection.metric=energy"), "has no key"),
    ],
)
def test_what_makes_no_sense_is_refused(
    words: tuple[str, ...], complaint: str, make_recipe: Callable[..., Recipe]
) -> None:
    with pytest.raises(UsageError, match=complaint):
        make_recipe("csp", *words, model="kldm")


def test_too_few_steps_are_refused_before_training(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    words = (*WORDS, "training.selection.steps=1")
    with pytest.raises(UsageError, match=r"training\.selection\.steps=1: this model needs at least 2"):
        make_run(tmp_path / "run", "dng", *words, model="geobfn")

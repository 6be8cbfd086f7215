"""What is stored is whole, harmless and of numbers, or it is refused; what is stopped says how to go on."""

import hashlib
import io
import json
import math
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

import lightning as L
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.pytorch.callbacks import Callback
from safetensors.torch import load_file, save_file

from epitaxy.apps.config import Recipe, apply_overrides
from epitaxy.apps.foundation.checks import check_model, parse_duration
from epitaxy.apps.foundation.errors import UsageError, WorkError
from epitaxy.apps.foundation.folders import METRICS, RECIPE, STATISTICS, WEIGHTS, shipped
from epitaxy.apps.foundation.names import DATASET_NAMES, MODELS, PRESET_NAMES
from epitaxy.apps.generative.dataset import draw
from epitaxy.apps.generative.kind import build_model, kind_of
from epitaxy.apps.generative.model_dir import SUMS, load_model, save_model
from epitaxy.apps.generative.recipes import preset, recipes_of
from epitaxy.apps.training.checkpoint import MAGIC, check_fits, read_checkpoint
from epitaxy.apps.training.fingerprint import fingerprint
from epitaxy.apps.training.metrics import read_metrics
from epitaxy.apps.training.module import TrainingModule
from epitaxy.apps.training.run import CHECKPOINT
from epitaxy.apps.training.watch import DivergedError, LossWatch
from epitaxy.data import DATASETS, CrystalDataset, DataError

REFUSALS = (UsageError, WorkError, DataError)


def sealed(content: bytes) -> bytes:
    return MAGIC + hashlib.sha256(content).digest() + content


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_checkpoint_with_any_bit_flipped_is_refused(
    data: st.DataObject, csp_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray((csp_run / CHECKPOINT).read_bytes())
    for place in data.draw(st.sets(st.integers(0, 8 * len(content) - 1), min_size=1, max_size=3)):
        content[place // 8] ^= 1 << place % 8
    file = tmp_path_factory.mktemp("flipped") / CHECKPOINT
    file.write_bytes(content)
    with pytest.raises(WorkError, match=r"last\.ckpt"):
        read_checkpoint(file)


class Bomb:
    def __reduce__(self) -> Any:
        return os.mkdir, (os.environ["BOMB"],)


def test_a_checkpoint_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, csp_run: Path) -> None:
    monkeypatch.setenv("BOMB", str(tmp_path / "ran"))
    file = tmp_path / CHECKPOINT
    buffer = io.BytesIO()
    torch.save({"global_step": Bomb()}, buffer)
    for content in (buffer.getvalue(), sealed(buffer.getvalue()), sealed(pickle.dumps(Bomb())), b"", MAGIC):
        file.write_bytes(content)
        with pytest.raises(WorkError, match="begin this run again"):
            read_checkpoint(file)
    assert not (tmp_path / "ran").exists()
    for wrong in (torch.zeros(3), {"weights": 1}, {"global_step": "many"}):
        buffer = io.BytesIO()
        torch.save(wrong, buffer)
        file.write_bytes(sealed(buffer.getvalue()))
        with pytest.raises(WorkError, match="no checkpoint of a training run"):
            read_checkpoint(file)
    state = read_checkpoint(csp_run / CHECKPOINT)
    with pytest.raises(WorkError, match="of another model"):
        check_fits(csp_run / CHECKPOINT, state, {"model.network.norm.weight": torch.zeros(7)})


def test_data_are_known_by_their_content(
    crystals: CrystalDataset, csp_run: Path, make_run: Callable[..., Path], tmp_path: Path
) -> None:
    again = crystals.subset(range(len(crystals)))
    assert fingerprint(crystals) == fingerprint(again)
    assert fingerprint(crystals) != fingerprint(crystals.subset(range(1, len(crystals))))
    moved = crystals.positions.clone()
    moved[0, 0] = (moved[0, 0] + 1e-3) % 1
    for name, value in (("positions", moved), ("numbers", crystals.numbers.flip(0))):
        other = CrystalDataset(**{**{f: getattr(crystals, f) for f in _FIELDS}, name: value})
        assert fingerprint(other) != fingerprint(crystals)
    run = tmp_path / "run"
    shutil.copytree(csp_run, run)
    (run / "data.json").write_text((run / "data.json").read_text().replace('"sha256": "', '"sha256": "0', 1))
    from epitaxy.apps.training.run import open_run, train

    recipe = open_run(run, None, resume=True)
    load = kind_of("crysbfn").load
    with pytest.raises(
        UsageError, match=r"the train split of prototypes is not what the run .*48 structures"
    ):
        train(recipe, run, train_data=crystals, val_data=draw(load(recipe, "val", None), 16))


_FIELDS = ("ids", "counts", "numbers", "positions", "lattice", "properties")


@pytest.mark.parametrize(
    ("losses", "refused"),
    [
        ([1.0, math.nan, 1.0], "no number"), ([math.inf, 1.0], "no number"), ([2e9, 3e9], "for good"),
        ([1.0, 2e9, 1.0], None), ([1.0] * 4, None),
    ],
)  # fmt: skip
def test_every_loss_is_looked_at(losses: list[float], refused: str | None) -> None:
    watch, trainer = LossWatch(), mock.Mock(spec=L.Trainer, world_size=1, global_step=7)
    for loss in losses:
        watch.add(torch.tensor(loss))
    if refused is None:
        assert watch.look(trainer) == losses[-1]
    else:
        with pytest.raises(DivergedError, match=rf"{refused}.*learning_rate"):
            watch.look(trainer)
    if losses[-1] > 1e9:
        watch.add(torch.tensor(losses[-1]))
        with pytest.raises(DivergedError):
            watch.look(trainer, strict=True)


def test_training_that_runs_away_is_a_failure(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    """At such a rate every weight of GeoBFN is NaN at once, and the run said that a model was written."""
    words = ("training.learning_rate=1e6", "training.gradient_clip=null", "network.tanh=false")
    with pytest.raises(DivergedError, match=r"no number|for good"):
        make_run(tmp_path / "a", "dng", *words, "training.passes=1", model="geobfn")
    assert not (tmp_path / "a" / "model").exists()
    assert not (tmp_path / "a" / CHECKPOINT).exists()
    wild = ("training.learning_rate=1e3", *words[1:], "training.recover=20", "training.passes=1")
    recovers = make_run(tmp_path / "b", "dng", *wild, model="geobfn")
    rates = [float(row["learning_rate"]) for row in read_metrics(recovers / METRICS) if row["learning_rate"]]
    assert max(rates) < 1e3
    load_model(str(recovers))


class Dies(Callback):
    """Stands for a kill: at the given call of the given hook."""

    def __init__(self, hook: str, call: int) -> None:
        self.calls = 0

        def die(*_: Any) -> None:
            self.calls += 1
            if self.calls == call:
                raise RuntimeError("killed")

        setattr(self, hook, die)


def test_a_kill_at_any_moment_loses_no_row(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    from epitaxy.apps.training.run import open_run, train

    words = ("csp", "training.passes=2", "training.validate_every=1", "training.checkpoint_steps=3")
    whole = make_run(tmp_path / "whole", *words)
    rows = (whole / METRICS).read_text()
    assert sum(row["split"] == "val" for row in read_metrics(whole / METRICS)) == 2
    for hook, call in (
        ("on_train_epoch_end", 1), ("on_train_epoch_end", 2), ("on_validation_end", 1),
        ("on_validation_end", 2), ("on_train_batch_end", 8),
    ):  # fmt: skip
        run = tmp_path / f"{hook}{call}"
        with pytest.raises(RuntimeError, match="killed"):
            make_run(run, *words, callbacks=[Dies(hook, call)])
        recipe = open_run(run, None, resume=True)
        load = kind_of("crysbfn").load
        train(
            recipe,
            run,
            train_data=draw(load(recipe, "train", None), 48),
            val_data=draw(load(recipe, "val", None), 16),
        )
        assert (run / METRICS).read_text() == rows
        one, other = (load_file(path / "model" / WEIGHTS) for path in (whole, run))
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_validation_has_the_same_noise_whatever_training_did_to_the_bank(
    make_recipe: Callable[..., Recipe], crystals: CrystalDataset
) -> None:
    recipe = make_recipe("csp")
    model = build_model(recipe, kind_of("crysbfn").summarise(crystals))
    module = TrainingModule(model, total_steps=1)
    with mock.patch.object(module, "_report") as report:
        for training_round in (0, 1, 40):
            model.flow.refresh(training_round)
            module.validation_step(crystals.batch(range(8)), 0)
    first, second, third = (call.args[1] for call in report.call_args_list)
    assert first == second == third


def test_the_best_weights_are_kept_if_asked(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    words = ("csp", "training.passes=3", "training.validate_every=1", "training.schedule.kind=cosine")
    wild = ("training.learning_rate=0.3", "training.schedule.warmup_steps=0", "training.gradient_clip=null")
    run = make_run(tmp_path / "run", *words, *wild, "training.keep=best", "training.averaging=null")
    rows = [row for row in read_metrics(run / METRICS) if row["split"] == "val"]
    best = min(rows, key=lambda row: float(row["loss"]))
    card = (run / "model" / "card.md").read_text()
    assert f"of the lowest validation loss ({float(best['loss']):.4g})" in card
    kept = read_checkpoint(run / CHECKPOINT)["callbacks"]["Best"]
    weights = load_file(run / "model" / WEIGHTS)
    assert all(torch.equal(value, weights[name]) for name, value in kept["weights"].items())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "model"
    shutil.copytree(shipped()["kldm-perov-small"], copy)
    return copy


def test_weights_that_are_no_numbers_are_neither_written_nor_read(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    weights["norm.weight"][3] = math.nan
    model = load_model(str(folder)).model
    model.network.load_state_dict(weights)
    with pytest.raises(WorkError, match=r"norm\.weight is no number"):
        save_model(folder / "new", model, card="")
    assert not (folder / "new").exists()
    save_file(weights, folder / WEIGHTS)
    with pytest.raises(WorkError, match=r"norm\.weight is no number"):
        load_model(str(folder))


def test_a_written_model_knows_its_files(folder: Path) -> None:
    copy = folder / "copy"
    save_model(copy, load_model(str(folder)).model, card="a card")
    load_model(str(copy))
    (copy / "card.md").write_text("a measurement more")
    load_model(str(copy))
    content = bytearray((copy / WEIGHTS).read_bytes())
    content[-5] ^= 1
    (copy / WEIGHTS).write_bytes(content)
    with pytest.raises(WorkError, match=rf"model\.safetensors is not what {SUMS}"):
        load_model(str(copy))


@pytest.mark.parametrize("lacking", [RECIPE, STATISTICS, WEIGHTS])
def test_checksums_are_of_all_files(lacking: str, folder: Path) -> None:
    """Without any, the folder is somebody's own; with some, what they lack was not looked at."""
    sums = json.loads((folder / SUMS).read_text())
    (folder / SUMS).write_text(json.dumps({name: digest for name, digest in sums.items() if name != lacking}))
    with pytest.raises(WorkError, match=f"{SUMS} lacks {lacking}"):
        load_model(str(folder))
    (folder / SUMS).unlink()
    load_model(str(folder))


@pytest.mark.parametrize("model", [None, {"x": [1]}, ["kldm"], 5])
def test_a_recipe_that_names_no_model_is_one_sentence(model: object, folder: Path) -> None:
    recipe = json.loads((folder / RECIPE).read_text())
    (folder / RECIPE).write_text(json.dumps(recipe | {"model": model}))
    check_model("kldm", str(folder))  # which leaves it to the reader of models
    with pytest.raises(UsageError, match="does not say which model it is of"):
        load_model(str(folder), kinds=("kldm",))


@pytest.mark.parametrize("name", list(shipped()))
def test_a_flipped_bit_of_a_shipped_model_is_refused_by_name(name: str, tmp_path: Path) -> None:
    shutil.copytree(shipped()[name], tmp_path / name)
    file = tmp_path / name / WEIGHTS
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(WorkError, match=r"model\.safetensors is not what checksums\.json|is no number"):
        load_model(str(tmp_path / name))


@pytest.mark.parametrize("file", ["recipe.json", "statistics.json", "model.safetensors"])
def test_a_damaged_model_folder_is_refused_in_one_sentence(file: str, folder: Path) -> None:
    whole = (folder / file).read_bytes()

    @settings(max_examples=25, deadline=None)
    @given(
        place=st.floats(0, 1),
        junk=st.sampled_from([b"", b"\xff", b"null", b"1e999", b"-1", b"[[", b'"x"', b"9" * 5000]),
        cut=st.integers(0, 12),
    )
    def damage(place: float, junk: bytes, cut: int) -> None:
        at = int(place * min(len(whole), 3000))
        (folder / file).write_bytes(whole[:at] + junk + whole[at + cut :])
        with suppress(*REFUSALS):
            load_model(str(folder))

    damage()


@settings(max_examples=60, deadline=None)
@given(
    key=st.sampled_from(
        [
            "training",
            "network.hidden",
            "positions.kind",
            "training.schedule.kind",
            "weights.species",
            "a..b",
            "",
        ]
    ),
    value=st.sampled_from(
        [
            "",
            "null",
            "[1]",
            "{}",
            "1e999",
            "NaN",
            "9" * 5000,
            "[" * 100_000,
            "true",
            "-1",
            "kinetic",
            '{"kind":[]}',
        ]
    ),
)
def test_words_for_a_recipe_are_taken_or_refused(key: str, value: str) -> None:
    recipe = preset("small", task="csp", dataset="perov_5")
    with suppress(UsageError):
        apply_overrides(recipe, [f"{key}={value}"])


@pytest.mark.parametrize("text", ["", "1h", "0:0:0", "²:0:0", "-1:0:0", "99999999999:0:0", "1:2", "a:b:c"])
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="01:30:00"):
        parse_duration(text)


def test_the_words_that_are_known_without_asking_are_right() -> None:

    assert set(DATASET_NAMES) == set(DATASETS)
    assert all(set(recipes_of(model).presets) == set(PRESET_NAMES) for model in MODELS)


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_training_says_how_to_go_on(
    sent: signal.Signals, status: int, tmp_path: Path, tiny_words: tuple[str, ...]
) -> None:
    out = tmp_path / "a run"
    words = ["train", "--data", "prototypes", "--preset", "quickstart", "--out", str(out), *tiny_words]
    program = "from epitaxy.apps.cli.crysbfn import main; main()"
    run = subprocess.Popen(
        [sys.executable, "-c", program, *words, "--set", "training.passes=100000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs ignore Ctrl-C
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 200
        while not (out / CHECKPOINT).exists() and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        run.send_signal(sent)
        _, said = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == status, said
    assert f"train --out '{out}' --resume" in said

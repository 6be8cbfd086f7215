"""Training: it learns, it is exactly repeatable, it goes on where it was killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from epitaxy.apps import UsageError
from epitaxy.apps.config import CosineSchedule, LogitNormalTimes, Recipe
from epitaxy.apps.generative.model_dir import load_model
from epitaxy.apps.generative.recipes import load_recipe
from epitaxy.apps.training.metrics import read_metrics
from epitaxy.apps.training.run import claimed, open_run
from epitaxy.apps.training.schedules import cosine_factor
from epitaxy.apps.training.stream import BatchStream, chunk_steps
from epitaxy.apps.training.times import stratified_times
from epitaxy.data import ShuffledBatches


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def command(out: Path, tiny_words: tuple[str, ...], *more: str) -> list[str]:
    words = ["train", "--out", str(out), *more]
    if "--resume" not in more:
        words += ["--data", "prototypes", "--preset", "quickstart", *tiny_words]
    return [sys.executable, "-c", "from epitaxy.apps.cli.crysbfn import main; main()", *words]


def test_a_killed_run_resumes_to_the_same_weights_and_curve(
    tmp_path: Path, tiny_words: tuple[str, ...]
) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    whole = command(tmp_path / "whole", tiny_words)
    subprocess.run(whole, check=True, env=environment, capture_output=True)

    run = tmp_path / "killed"
    process = subprocess.Popen(command(run, tiny_words), env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while not (run / "last.ckpt").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (run / "model").exists()
    subprocess.run(command(run, tiny_words, "--resume"), check=True, env=environment, capture_output=True)

    expected, found = weights(tmp_path / "whole"), weights(run)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert read_metrics(run / "metrics.csv") == read_metrics(tmp_path / "whole" / "metrics.csv")


def test_max_time_stops_resumably(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    run = make_run(tmp_path / "run", "csp", "training.passes=10000", max_time=timedelta(seconds=2))
    assert (run / "last.ckpt").is_file()
    assert load_model(str(run)).model.recipe.task == "csp"


@pytest.mark.parametrize("task", ["csp", "dng"])
def test_the_loss_falls(task: str, csp_run: Path, dng_run: Path) -> None:
    rows = read_metrics((csp_run if task == "csp" else dng_run) / "metrics.csv")
    losses = [float(row["loss"]) for row in rows if row["split"] == "train"]
    assert sum(losses[-6:]) < 0.8 * sum(losses[:6])
    assert any(row["split"] == "val" for row in rows)
    assert {"species" in row for row in rows} == {task == "dng"}


def test_a_run_folder_is_claimed_once(
    csp_run: Path, tmp_path: Path, make_recipe: Callable[..., Recipe]
) -> None:
    recipe = make_recipe("csp")
    with pytest.raises(UsageError, match="already holds a run: add --resume"):
        open_run(csp_run, recipe, resume=False)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        open_run(tmp_path / "full", recipe, resume=False)
    with pytest.raises(UsageError, match="holds no run"):
        open_run(tmp_path / "none", recipe, resume=True)
    with pytest.raises(UsageError, match="is a file"):
        open_run(tmp_path / "full" / "thesis.txt", recipe, resume=False)
    assert load_recipe(csp_run) == recipe


def test_a_run_is_trained_by_one_process_at_a_time(csp_run: Path) -> None:
    with claimed(csp_run):
        words = command(csp_run, (), "--resume")
        second = subprocess.run(words, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert "another process is training there" in second.stderr
    assert "Traceback" not in second.stderr
    with claimed(csp_run):
        pass


def test_batches_are_a_function_of_the_step_alone(csp_run: Path) -> None:
    from epitaxy.apps.crystals.data import load_crystals

    data = load_crystals("prototypes", "val")
    batches = ShuffledBatches(num=len(data), batch_size=10, seed=1)

    def ids(start: int, rank: int = 0, world: int = 1) -> list[set[str]]:
        stream = BatchStream(
            dataset=data, batches=batches, chunk=7, position=lambda: start, rank=rank, world=world
        )
        return [set(batch.ids) for batch in stream]

    assert ids(0)[3:] == ids(3)
    assert len(ids(7)) == 7
    halves = zip(ids(7, 0, 2), ids(7, 1, 2), strict=True)
    assert [a | b for a, b in halves] == ids(7)


@pytest.mark.parametrize(("checkpoint", "validation"), [(4, 12), (5, 12), (200, 33), (1, 1)])
def test_chunks_divide_the_validation_interval(checkpoint: int, validation: int) -> None:
    steps, chunks = chunk_steps(checkpoint_steps=checkpoint, validation_steps=validation)
    assert steps <= checkpoint
    assert validation - chunks < steps * chunks <= validation


def test_times_are_on_the_grid_and_stratified() -> None:
    generator = torch.Generator().manual_seed(0)
    times = torch.cat([stratified_times(10, 10, generator) for _ in range(100)])
    assert torch.equal((times * 10).round() / 10, times)
    assert torch.equal(times[:10].sort().values, torch.arange(10) / 10)
    continuous = stratified_times(7, None, generator)
    assert ((continuous * 7).floor() == torch.arange(7)).all()
    assert continuous.max() < 1


@pytest.mark.parametrize("grid", [None, 10])
@pytest.mark.parametrize(("mean", "std"), [(0.8, 1.3), (0.0, 1.0), (-1.0, 0.5), (6.0, 10.0)])
def test_logit_normal_times_have_their_law_and_are_stratified(
    mean: float, std: float, grid: int | None
) -> None:
    drawn = LogitNormalTimes(mean=mean, std=std)
    times = stratified_times(1000, grid, torch.Generator().manual_seed(0), drawn)
    assert ((times >= 0) & (times < 1)).all()
    bounds = torch.arange(1, 10) / 10
    expected = torch.special.ndtr((torch.logit(bounds) - mean) / std)  # F(t) = Phi((logit t - mean) / std)
    below = torch.stack([(times < bound - 1e-6).float().mean() for bound in bounds])
    torch.testing.assert_close(below, expected, atol=2e-3, rtol=0)  # one of 1,000 strata, and its neighbour
    if grid is not None:
        assert torch.equal((times * grid).round() / grid, times)


def test_the_cosine_warms_up_and_ends_at_its_minimum() -> None:
    factor = cosine_factor(CosineSchedule(warmup_steps=10, minimum=1e-5), 100, 1e-3)
    assert factor(0) == pytest.approx(0.1)
    assert factor(10) == pytest.approx(1.0)
    assert factor(100) == pytest.approx(0.01)
    assert all(factor(k) >= factor(k + 1) for k in range(10, 110))

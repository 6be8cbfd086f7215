"""What only a GPU can say: that kernels exist, agree with the CPU, and do not make the host wait.

The CPU rehearses it (the fixture `device`), so that on the day no test fails for its own mistake.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import gpu  # the models at their papers' sizes, and how they are compared
import pytest
import torch

SUBJECTS = pytest.mark.parametrize("subject", gpu.SUBJECTS, ids=lambda subject: subject.name)


@pytest.fixture
def bench(device: str) -> gpu.Bench:
    return gpu.Bench(device=torch.device(device), tiny=True, deadline=float("inf"))


@SUBJECTS
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_losses_agree_with_the_cpu(subject: gpu.Subject, precision: str, bench: gpu.Bench):
    found = gpu.agreement(subject, bench, precision)
    assert found["agrees"], found


@SUBJECTS
def test_a_training_step_does_not_wait(subject: gpu.Subject, bench: gpu.Bench):
    """The law of `test_device.py`, by CUDA itself: torch raises where the host would wait."""
    model = gpu.build(subject, tiny=True).to(bench.device)
    averaged = gpu.AveragedNetwork(model.network, 0.99)
    stepper = gpu.optimiser(model.network, model.recipe.training)
    host, noise = gpu.batch_of(subject, bench), torch.Generator(bench.device).manual_seed(0)
    for step in range(3):
        with raising_where_the_host_waits(bench.device, step == 2):  # the first fill caches
            batch = gpu.sent(host, bench.device)
            model.weighted(gpu.losses(model, batch, noise)).backward()
            stepper.step()
            averaged.update_parameters(model.network)


@contextmanager
def raising_where_the_host_waits(device: torch.device, on: bool) -> Iterator[None]:
    if device.type != "cuda":
        yield
        return
    torch.cuda.set_sync_debug_mode("error" if on else "default")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@contextmanager
def raising_where_a_step_waits(model: gpu.AnyModel, device: torch.device) -> Iterator[None]:
    """Let torch raise from the network's second answer, when caches are full, to its third."""
    answered, numbers = model.answer, count(1)

    def answer(*words: Any) -> Any:
        result, number = answered(*words), next(numbers)
        if device.type == "cuda":
            torch.cuda.set_sync_debug_mode("error" if number == 2 else "default")
        return result

    model.answer = answer  # type: ignore[method-assign]
    with raising_where_the_host_waits(device, on=False):  # which puts it back
        yield


@SUBJECTS
def test_it_samples_what_the_cpu_does(subject: gpu.Subject, bench: gpu.Bench):
    """The same seeds, three steps, none of which waits: the same structures, or the same reason for none."""
    found = []
    for device in (torch.device("cpu"), bench.device):
        model = gpu.build(subject, tiny=True)
        requests = gpu.given_for(subject, model, 4)
        with raising_where_a_step_waits(model, device):
            [made] = gpu.generate(model, requests, steps=3, device=device)
        found.append([(one.structure is None, one.request.num_atoms) for one in made])
    assert found[0] == found[1]


@pytest.mark.gpu
def test_two_gpus_train_together(tmp_path: Path):
    if torch.cuda.device_count() < 2:
        pytest.skip("one CUDA device here")
    words = ["--preset", "quickstart", "--set", "training.passes=1", "--device", "cuda", "--devices", "2"]
    script = str(Path(sys.executable).parent / "crysbfn")
    run = [script, "train", "--data", "prototypes", *words, "--out", str(tmp_path / "run")]
    done = subprocess.run(run, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]


DRY = [sys.executable, str(Path(gpu.__file__)), "--tiny", "--device", "cpu"]


def dry_run(out: Path, *words: str) -> dict[str, object]:
    done = subprocess.run([*DRY, "--out", str(out), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    report: dict[str, object] = gpu.json.loads(out.read_text())
    return report


def test_the_benchmark_runs_dry(tmp_path: Path):
    report = dry_run(tmp_path / "gpu.json", "--uncompiled")
    assert report["dry_run"]
    assert set(report["edge_list_over_fast"]) == {one.name for one in gpu.SUBJECTS if one.edge_list}  # type: ignore[call-overload]


@pytest.mark.slow
def test_the_whole_benchmark_runs_dry(tmp_path: Path):
    """With torch.compile, which takes its time."""
    report = dry_run(tmp_path / "gpu.json", "--minutes", "60")
    measured = report["measured"]
    assert isinstance(measured, dict)
    assert len(measured) == len(list(gpu.pieces(gpu.Bench(torch.device("cpu"), True, 0.0))))
    assert all(isinstance(value, dict) for value in measured.values()), measured

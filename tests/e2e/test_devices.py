"""Lightning's ways: so many processes, so many parts of a batch, or other numbers of them on resuming."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from epitaxy.apps.cli.shell import FAILED, explain
from epitaxy.apps.training.checkpoint import read_checkpoint

SMALL = (
    "--preset", "quickstart", "--device", "cpu", "--precision", "64-true", "--set", "training.passes=1",
    "--set", "network.hidden=16", "--set", "network.layers=1", "--set", "training.checkpoint_steps=2",
    "--set", "training.validate_every=1", "--set", "training.validation_crystals=8",
)  # fmt: skip
SIZES = {"crysbfn": 256, "kldm": 256, "symmbfn": 256, "geobfn": 32}
MODELS = [
    pytest.param(name, marks=[] if name == "geobfn" else pytest.mark.slow)
    for name in ("crysbfn", "kldm", "symmbfn", "geobfn")
]


def train(model: str, out: Path, *words: str) -> dict[str, torch.Tensor]:
    """Train; return the averaged weights."""
    script = str(Path(sys.executable).parent / model)
    data = "g2" if model == "geobfn" else "prototypes"
    new = (
        ()
        if "--resume" in words
        else ("--data", data, *SMALL, "--set", f"training.batch_size={SIZES[model]}")
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [script, "train", "--out", str(out), *new, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    steps = re.findall(r"^training: (\d+)/", done.stderr, re.MULTILINE)
    assert len(steps) == len(set(steps)), f"every process reports its steps: {done.stderr[-3000:]}"
    assert "GLOBAL_RANK" not in done.stderr
    weights: dict[str, torch.Tensor] = load_file(out / "model" / "model.safetensors")
    return weights


def close(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=1e-6, atol=1e-7, msg=name)


@pytest.mark.parametrize("model", MODELS)
def test_two_processes_train_as_one_does_in_two_parts(model: str, tmp_path: Path):
    one = train(model, tmp_path / "one", "--set", "training.accumulate=2")
    two = train(model, tmp_path / "two", "--devices", "2")
    close(one, two)
    assert "2 processes" in (tmp_path / "two" / "model" / "card.md").read_text()
    assert (tmp_path / "two" / "metrics.csv").read_text().count("step,") == 1


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_devices(tmp_path: Path):
    """Stopped at once, begun with two processes, gone on with one."""
    run = tmp_path / "run"
    train("geobfn", run, "--devices", "2", "--max-time", "00:00:01", "--set", "training.passes=200")
    reached = read_checkpoint(run / "last.ckpt")["global_step"]
    train("geobfn", run, "--resume", "--device", "cpu", "--precision", "64-true", "--max-time", "00:00:20")
    assert read_checkpoint(run / "last.ckpt")["global_step"] > reached


def test_out_of_memory_names_the_remedy():
    outcome = explain(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    assert outcome is not None
    assert outcome[0] == FAILED
    assert "training.accumulate=2" in outcome[1]
    assert "--batch-size" in outcome[1]

"""Two processes of torchrun: DDP over gloo, sampling in shards; test_devices.py has Lightning's own two."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from typer.testing import CliRunner

from epitaxy.apps.cli.crysbfn import app

TRAIN = (
    "--data", "prototypes", "--preset", "quickstart", "--set", "training.passes=1",
    "--set", "network.hidden=32",
    "--set", "network.layers=2", "--set", "training.batch_size=32",
)  # fmt: skip


def crysbfn(*words: str, processes: int) -> subprocess.CompletedProcess[str]:
    script = str(Path(sys.executable).parent / "crysbfn")
    launcher = ["--nproc-per-node", str(processes), "--standalone", "--"]
    command = [sys.executable, "-m", "torch.distributed.run", *launcher, script, *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    answer = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280)
    assert answer.returncode == 0, answer.stderr[-3000:]
    return answer


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained by two processes."""
    out = tmp_path_factory.mktemp("torchrun") / "run"
    crysbfn("train", *TRAIN, "--out", str(out), "--device", "cpu", "--devices", "2", processes=2)
    return out


def test_torchrun_trains(run: Path) -> None:
    assert (run / "model" / "model.safetensors").is_file()
    assert "2 processes" in (run / "model" / "card.md").read_text()
    assert (run / "metrics.csv").read_text().count("step,") == 1


def test_two_processes_sample_as_one_does(run: Path, tmp_path: Path) -> None:
    words = ("--formula", "SrTiO3", "--formula", "NaCl", "--num", "5", "--steps", "10", "--seed", "3")
    alone = CliRunner().invoke(app, ["sample", str(run), *words, "--out", str(tmp_path / "one")])
    assert alone.exit_code == 0, alone.output
    crysbfn("sample", str(run), *words, "--out", str(tmp_path / "two"), processes=2)
    one, two = (read(tmp_path / name / "samples.extxyz", index=":") for name in ("one", "two"))
    assert len(one) == len(two) > 0
    for a, b in zip(one, two, strict=True):
        assert a.info == b.info
        assert np.allclose(a.cell.array, b.cell.array, atol=1e-3)
        assert np.allclose((a.get_scaled_positions() - b.get_scaled_positions() + 0.5) % 1, 0.5, atol=1e-3)

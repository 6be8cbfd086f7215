"""A tiny trained model, made once for all tests of this package."""

from collections.abc import Callable
from pathlib import Path

import pytest

from epitaxy.apps.config import Recipe, apply_overrides, preset
from epitaxy.apps.data import draw, load_split
from epitaxy.apps.training.run import open_run, train

TINY = (
    "network.hidden=32", "network.layers=2", "network.frequencies=4", "network.time_dim=16",
    "training.passes=4", "training.batch_size=8", "training.checkpoint_steps=4", "training.validate_every=2",
    "training.bank_refresh=3", "positions.grid=50", "lattice.grid=50", "sampling.steps=5",
)  # fmt: skip


def recipe(task: str, *more: str) -> Recipe:
    base = preset("quickstart", task="csp" if task == "csp" else "dng", dataset="prototypes")
    species = ("species.grid=50",) if task == "dng" else ()
    return apply_overrides(base, [*TINY, *species, *more])


def train_tiny(out: Path, task: str = "csp", *more: str, **settings: object) -> Path:
    made = open_run(out, recipe(task, *more), resume=False)
    data = {
        "train_data": draw(load_split("prototypes", "train"), 48),
        "val_data": draw(load_split("prototypes", "val"), 16),
    }
    train(made, out, **data, **settings)  # type: ignore[arg-type]
    return out


@pytest.fixture(scope="session")
def make_recipe() -> Callable[..., Recipe]:
    return recipe


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    return train_tiny


@pytest.fixture(scope="session")
def tiny_words() -> tuple[str, ...]:
    return tuple(word for item in TINY for word in ("--set", item))


@pytest.fixture(scope="session")
def csp_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("csp") / "run")


@pytest.fixture(scope="session")
def dng_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("dng") / "run", "dng")

"""A tiny trained model, made once for all tests of this package, which may import what stands beside them."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from epitaxy.apps.config import Recipe, apply_overrides
from epitaxy.apps.crystals.data import load_crystals
from epitaxy.apps.foundation.names import MODELS, ModelName
from epitaxy.apps.generative.dataset import draw
from epitaxy.apps.generative.kind import kind_of
from epitaxy.apps.generative.recipes import preset
from epitaxy.apps.training.run import open_run, train
from epitaxy.data import CrystalDataset

sys.path.insert(0, str(Path(__file__).parent))

NETWORK = ("network.hidden=32", "network.layers=2", "network.time_dim=16")
TINY = (
    *NETWORK,
    "training.passes=4", "training.batch_size=8", "training.checkpoint_steps=4", "training.validate_every=2",
    "training.bank_refresh=3", "sampling.steps=5",
)  # fmt: skip
GRIDS = ("positions.grid=50", "lattice.grid=50")


EMBEDDED = {model: "g2" if model == "geobfn" else "prototypes" for model in MODELS}


def recipe(task: str, *more: str, model: ModelName = "crysbfn") -> Recipe:
    base = preset("quickstart", model=model, task="csp" if task == "csp" else "dng", dataset=EMBEDDED[model])
    bayesian = (*GRIDS, "species.grid=50") if task == "dng" else GRIDS
    words = [*TINY, *(bayesian if model == "crysbfn" else ()), *more]
    return apply_overrides(base, words if model == "geobfn" else ["network.frequencies=4", *words])


def train_tiny(
    out: Path, task: str = "csp", *more: str, model: ModelName = "crysbfn", **settings: object
) -> Path:
    made = open_run(out, recipe(task, *more, model=model), resume=False)
    load = kind_of(model).load
    data = {
        "train_data": draw(load(made, "train", None), 48),
        "val_data": draw(load(made, "val", None), 16),
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
    return tuple(word for item in (*TINY, "network.frequencies=4", *GRIDS) for word in ("--set", item))


@pytest.fixture(scope="session")
def csp_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("csp") / "run")


@pytest.fixture(scope="session")
def dng_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("dng") / "run", "dng")


@pytest.fixture(scope="session")
def crystals() -> CrystalDataset:
    return draw(load_crystals("prototypes", "train"), 48)


@pytest.fixture(scope="session")
def large_cells() -> CrystalDataset:
    """Random cells of 1 to 52 atoms, some of them flat."""
    rng = torch.Generator().manual_seed(0)
    counts = torch.tensor([1, 1, 2, 20, 52, 52, 37])
    atoms = int(counts.sum())
    lattice = torch.eye(3) * (4 * counts ** (1 / 3)).view(-1, 1, 1) + torch.rand(
        len(counts), 3, 3, generator=rng
    )
    lattice[3, 2] = lattice[3, 1] + torch.tensor([0.0, 0.0, 0.02])
    return CrystalDataset(
        ids=tuple(f"cell-{i}" for i in range(len(counts))),
        counts=counts,
        numbers=torch.randint(1, 90, (atoms,), generator=rng),
        positions=torch.rand(atoms, 3, dtype=torch.float64, generator=rng),
        lattice=lattice.double(),
        properties={},
    )

"""CrysBFN's presets."""

from dataclasses import dataclass

from epitaxy.apps.config.bayesian import CategoricalBFNConfig, CircularBFNConfig, GaussianBFNConfig
from epitaxy.apps.config.network import CSPNetConfig, RotaryNetConfig
from epitaxy.apps.config.recipe import CompositionSamplingConfig
from epitaxy.apps.config.training import TrainingConfig
from epitaxy.apps.config.trainings import MUON_TRAINING, QUICK_TRAINING
from epitaxy.apps.crystals.recipe import CrystalRecipe, LossWeights
from epitaxy.apps.foundation.names import Task


@dataclass(frozen=True, slots=True)
class _PaperNumbers:
    """What differs between the paper's datasets (App. C; batch sizes from the published configurations)."""

    passes: int
    batch_size: int
    grid: int = 1000
    beta1: float = 0.4


_PAPER = {
    "perov_5": _PaperNumbers(passes=4000, batch_size=1024, beta1=3.0),
    "carbon_24": _PaperNumbers(passes=5000, batch_size=512),
    "mp_20": _PaperNumbers(passes=1500, batch_size=256),
    "mpts_52": _PaperNumbers(passes=1000, batch_size=128, grid=200),
}


def _species(task: Task, grid: int, beta1: float) -> CategoricalBFNConfig | None:
    return CategoricalBFNConfig(beta1=beta1, grid=grid) if task == "dng" else None


def paper(task: Task, dataset: str) -> CrystalRecipe:
    """The paper's run. An unlisted dataset gets mp_20's numbers, the most general of the four."""
    numbers = _PAPER.get(dataset, _PAPER.get(dataset.removesuffix("_unique"), _PAPER["mp_20"]))
    return CrystalRecipe(
        model="crysbfn",
        task=task,
        dataset=dataset,
        positions=CircularBFNConfig(grid=numbers.grid),
        lattice=GaussianBFNConfig(grid=numbers.grid),
        species=_species(task, numbers.grid, numbers.beta1),
        weights=LossWeights(positions=0.05, lattice=0.05, species=0.05),
        training=TrainingConfig(passes=numbers.passes, batch_size=numbers.batch_size),
        sampling=CompositionSamplingConfig(steps=numbers.grid),
    )


def small(task: Task, dataset: str) -> CrystalRecipe:
    """An hour or two on a CPU core: a narrow transformer, Muon, averaged weights."""
    return CrystalRecipe(
        model="crysbfn",
        task=task,
        dataset=dataset,
        positions=CircularBFNConfig(),
        lattice=GaussianBFNConfig(),
        species=_species(task, 1000, _PAPER[dataset].beta1 if dataset in _PAPER else 0.4),
        network=RotaryNetConfig(hidden=192, layers=6, heads=6, time_dim=64),
        training=MUON_TRAINING,
    )


def quickstart(task: Task, dataset: str) -> CrystalRecipe:
    """Two minutes on two CPU cores on the embedded crystals: enough to see every part work."""
    return small(task, dataset).model_copy(
        update={
            "network": CSPNetConfig(hidden=96, layers=3, frequencies=16, time_dim=64),
            "training": QUICK_TRAINING,
            "sampling": CompositionSamplingConfig(steps=50),
        }
    )

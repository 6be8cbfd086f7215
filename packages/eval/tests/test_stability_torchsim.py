"""TorchSim's models in the place of ASE's calculators; SevenNet where it is installed, many at once."""

import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lj import LennardJones
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.eval.isolation import Failed
from epitaxy.eval.stability import (
    Forces,
    LostError,
    Relaxed,
    RelaxSettings,
    SevenNetPotential,
    relax_together,
)
from epitaxy.eval.stability.engine import relax_with, to_atoms
from epitaxy.eval.stability.torchsim_forces import TorchSimForces, has_torchsim, require_torchsim

NEEDED = pytest.mark.skipif(not has_torchsim(), reason="TorchSim is not installed here")
ARGON = {"sigma": 3.4, "epsilon": 0.0104}
CUTOFF = 7.0


class OneByOne(Calculator):
    """A batch of one, as an ASE calculator."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, forces: TorchSimForces) -> None:
        super().__init__()
        self.many = forces

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        (found,) = self.many([atoms])
        self.results = {"energy": found.energy, "forces": found.forces, "stress": found.stress}


class Argon:
    """TorchSim's Lennard-Jones model, many at once."""

    batched = True

    def __init__(self) -> None:
        from torch_sim.models.lennard_jones import LennardJonesModel
        from torch_sim.neighbors import torch_nl_linked_cell

        model = LennardJonesModel(
            **ARGON, cutoff=CUTOFF, compute_stress=True, neighbor_list_fn=torch_nl_linked_cell
        )
        self.forces = TorchSimForces(model)

    def prepare_many(self) -> None:
        pass

    def check(self, structure: Structure) -> None:
        pass


@pytest.fixture(scope="module")
def argon() -> Argon:
    return Argon()


def crystal(seed: int) -> Structure:
    """One to eight atoms in a cell without any symmetry, each with a place of its own."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 3, size=3)
    corners = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), axis=-1).reshape(-1, 3)
    lattice = Lattice(np.diag(3.8 * sizes) @ (np.eye(3) + rng.normal(scale=0.05, size=(3, 3))))
    return Structure(
        lattice, ["Ar"] * len(corners), corners / sizes + rng.normal(scale=0.01, size=corners.shape)
    )


def energy_of_pairs(atoms: Any) -> float:
    """ASE lifts each pair's energy to be zero at the cutoff; TorchSim does not."""
    lifted = LennardJones(**ARGON, rc=CUTOFF)
    lifted.calculate(atoms, ["energy"], all_changes)
    pairs = Structure(Lattice(atoms.cell.array), ["Ar"] * len(atoms), atoms.get_scaled_positions())
    count = len(pairs.get_neighbor_list(CUTOFF)[0]) / 2
    ratio = (ARGON["sigma"] / CUTOFF) ** 6
    return float(lifted.results["energy"] + count * 4 * ARGON["epsilon"] * (ratio**2 - ratio))


@NEEDED
@settings(max_examples=20)
@given(seeds=st.lists(st.integers(0, 10_000), min_size=1, max_size=4))
def test_a_call_says_what_ase_says_of_each(argon, seeds):
    crystals = [to_atoms(crystal(seed)) for seed in seeds]
    for atoms, found in zip(crystals, argon.forces(crystals), strict=True):
        atoms.calc = LennardJones(**ARGON, rc=CUTOFF)
        assert found.forces == pytest.approx(atoms.get_forces(), abs=1e-9)
        assert found.stress == pytest.approx(atoms.get_stress(), abs=1e-9)
        assert found.energy == pytest.approx(energy_of_pairs(atoms), abs=1e-9)


@NEEDED
@pytest.mark.parametrize(
    "how", [RelaxSettings(fmax=0.004), RelaxSettings(fmax=0.01, pressure=1.0, keep_symmetry=True)]
)
def test_together_each_comes_to_what_it_comes_to_alone(argon, how):
    crystals = [crystal(seed) for seed in range(4)]
    together = dict(relax_together(crystals, argon, how))
    for number, structure in enumerate(crystals):
        alone = relax_with(OneByOne(argon.forces), structure, how)
        one = Relaxed.from_json(together[number].value)
        assert one.converged
        assert (one.steps, one.spacegroup, one.spacegroup_before) == (
            alone.steps,
            alone.spacegroup,
            alone.spacegroup_before,
        )
        assert one.energy == pytest.approx(alone.energy, abs=1e-9)
        assert one.displacement == pytest.approx(alone.displacement, abs=1e-6)


@NEEDED
def test_what_flies_apart_is_ended_as_it_is_alone(argon):
    """Argon bears no such pull."""
    outcomes = dict(relax_together([crystal(1), crystal(2)], argon, RelaxSettings(pressure=-2.0)))
    assert [one.kind for one in outcomes.values() if isinstance(one, Failed)] == ["error"] * 2
    for number in (0, 1):
        with pytest.raises(ValueError, match="it flies apart") as caught:
            relax_with(OneByOne(argon.forces), crystal(number + 1), RelaxSettings(pressure=-2.0))
        assert outcomes[number].reason == str(caught.value)


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        ("CUDA out of memory. Tried to allocate 2 GiB", MemoryError),
        ("Failed to allocate 12 bytes on device 'cuda:0'", MemoryError),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", MemoryError),
        ("mat1 and mat2 shapes cannot be multiplied", RuntimeError),
        (None, LostError),
    ],
)
def test_what_a_device_says_is_told_apart(monkeypatch, raised, becomes):
    torch = pytest.importorskip("torch")
    error = (
        torch.AcceleratorError("an illegal access was encountered\nand much more")
        if raised is None
        else RuntimeError(raised)
    )

    def fails(*_: object) -> list[Forces]:
        raise error

    monkeypatch.setattr(TorchSimForces, "_computed", fails)
    with pytest.raises(becomes) as caught:
        TorchSimForces(SimpleNamespace())([])
    assert type(caught.value) is becomes
    assert "much more" not in str(caught.value)


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("epitaxy.eval.stability.torchsim_forces.find_spec", lambda _: None)
    assert not has_torchsim()
    monkeypatch.setattr("epitaxy.eval.stability.torchsim_forces.PYTHON", (3, 0))
    with pytest.raises(ImportError, match="pip install torch-sim-atomistic"):
        require_torchsim()
    monkeypatch.setattr("epitaxy.eval.stability.torchsim_forces.PYTHON", (4, 12))
    with pytest.raises(ImportError, match=r"needs Python 4\.12; this is 3\."):
        require_torchsim()


def test_where_sevennet_computes_many_at_once(monkeypatch):
    torch = pytest.importorskip("torch")
    module = "epitaxy.eval.stability.sevennet_potential"
    monkeypatch.setattr(f"{module}.find_spec", lambda _: object())
    for there, found in ((True, True), (True, False), (False, True), (False, False)):
        monkeypatch.setattr(f"{module}.has_torchsim", lambda there=there: there)
        monkeypatch.setattr(torch.cuda, "is_available", lambda found=found: found)
        assert SevenNetPotential().batched is (there and found)
        assert SevenNetPotential(device="cuda:1").batched is there
        assert not SevenNetPotential(device="cpu").batched
        assert not SevenNetPotential(batches=False).batched

    def missing() -> None:
        raise ImportError("TorchSim")

    monkeypatch.setattr(f"{module}.require_torchsim", missing)
    with pytest.raises(ImportError, match="TorchSim"):
        SevenNetPotential(batches=True)


SALTS = [
    Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.4), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
    Structure.from_spacegroup("Pm-3m", Lattice.cubic(4.3), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
    Structure.from_spacegroup("F-43m", Lattice.cubic(5.6), ["Zn", "S"], [[0, 0, 0], [0.25, 0.25, 0.25]]),
]


def pushed(structures: Sequence[Structure]) -> list[Structure]:
    """Off their minima, the same every time."""
    rng = np.random.default_rng(3)
    return [
        Structure(
            s.lattice.matrix @ (np.eye(3) + rng.normal(scale=0.02, size=(3, 3))),
            s.species,
            s.frac_coords + rng.normal(scale=0.01, size=(len(s), 3)),
        )
        for s in structures
    ]


@NEEDED
def test_sevennet_together_and_alone(device):
    """On a GPU the ones alone are computed by the CPU, as they are without TorchSim."""
    pytest.importorskip("sevenn")
    alone, together = SevenNetPotential(device="cpu"), SevenNetPotential(device=device, batches=True)
    assert (alone.name, alone.version) == (together.name, together.version)
    dense = SALTS[1].copy()
    dense.scale_lattice(dense.volume / 3)
    unknown = Structure(Lattice.cubic(4), ["Po"], [[0, 0, 0]])
    salts = [*pushed(SALTS), dense, unknown]
    how = RelaxSettings(max_steps=60)
    outcomes = dict(relax_together(salts, together, how))
    assert isinstance(outcomes[4], Failed)
    assert "SevenNet has no Po" in outcomes[4].reason
    for number, structure in enumerate(salts[:4]):
        one, expected = Relaxed.from_json(outcomes[number].value), alone.relax(structure, how)
        assert one.converged
        assert expected.converged
        assert one.energy == pytest.approx(expected.energy, abs=1e-3)
        assert one.spacegroup == expected.spacegroup
        assert one.displacement == pytest.approx(expected.displacement, abs=0.02)


def test_nothing_of_it_is_imported_before_it_is_needed():
    assert has_torchsim() or "torch_sim" not in sys.modules

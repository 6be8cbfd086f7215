"""EMT (copper, gold and their like) is quick and has real minima; hostile calculators are written to a folder
from which worker processes import them."""

import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.operations import SymmOp
from pymatgen.core.structure import Structure

from epitaxy.eval.isolation import Failed
from epitaxy.eval.stability import (
    AsePotential,
    Potential,
    Relaxed,
    RelaxSettings,
    Work,
    energies_of,
    load_potential,
    relax_all,
)
from epitaxy.eval.stability.engine import energy_with, relax_with, to_atoms

EMT = AsePotential(calculator="emt")
TIGHT = RelaxSettings(fmax=0.02)

HOSTILE = """
import os, signal
from ase.calculators.emt import EMT

class Hostile(EMT):
    def calculate(self, atoms=None, properties=("energy",), system_changes=("positions", "numbers", "cell")):
        symbols = set(atoms.get_chemical_symbols())
        if "Au" in symbols:
            os._exit(3)
        if "Ag" in symbols:
            signal.raise_signal(signal.SIGSTOP)
        if "Pt" in symbols:
            raise RuntimeError("no platinum")
        if log := os.environ.get("CALCULATED"):
            with open(log, "a") as file:
                file.write(atoms.get_chemical_formula() + "\\n")
        if "Al" in symbols and os.environ.get("DEADLY"):
            os.kill(os.getpid(), signal.SIGKILL)
        super().calculate(atoms, properties, list(system_changes))
        if "Ni" in symbols:
            self.results["energy"] = float("nan")

def broken():
    raise OSError("its weights are gone")
"""


def fcc(element: str, a: float = 4.0) -> Structure:
    return Structure(Lattice.cubic(a), [element], [[0, 0, 0]]) * [1, 1, 2]


@pytest.fixture
def alloy() -> Structure:
    """Ordered Cu3Au, pushed off its minimum."""
    coords = [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0], [0, 0, 0]]
    structure = Structure(Lattice.cubic(3.8), ["Cu", "Cu", "Cu", "Au"], coords)
    rng = np.random.default_rng(5)
    shifts = rng.normal(scale=0.05, size=(4, 3))
    moved = structure.cart_coords + shifts
    return Structure(structure.lattice, structure.species, moved, coords_are_cartesian=True)


@pytest.fixture
def hostile(tmp_path, monkeypatch) -> Path:
    (tmp_path / "hostile.py").write_text(HOSTILE)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_potentials_are_potentials():
    assert isinstance(EMT, Potential)
    assert pickle.loads(pickle.dumps(EMT)) == EMT


def test_relaxing_finds_the_minimum(alloy):
    relaxed = EMT.relax(alloy, TIGHT)
    assert relaxed.converged
    assert relaxed.max_force < 0.02
    assert relaxed.energy < EMT.energy(alloy)
    assert relaxed.energy == pytest.approx(EMT.energy(relaxed.structure), abs=1e-9)
    assert relaxed.spacegroup == 221
    assert relaxed.structure.composition == alloy.composition
    again = EMT.relax(relaxed.structure, TIGHT)
    assert again.steps == 0
    assert again.displacement == pytest.approx(0.0, abs=1e-9)
    assert again.rmsd == pytest.approx(0.0, abs=1e-6)
    assert again.structure.volume == pytest.approx(relaxed.structure.volume)


def test_displacement_is_that_of_the_push(alloy):
    """The push had a standard deviation of 0.05 A an axis; the common shift of four atoms does not count."""
    relaxed = EMT.relax(alloy, TIGHT)
    assert 0.03 < relaxed.displacement < 0.15
    assert relaxed.rmsd == pytest.approx(relaxed.displacement / (alloy.volume / 4) ** (1 / 3), rel=0.2)


def test_steps_end_a_relaxation(alloy):
    relaxed = EMT.relax(alloy, RelaxSettings(max_steps=2))
    assert not relaxed.converged
    assert relaxed.steps == 2
    still = EMT.relax(alloy, RelaxSettings(max_steps=0))
    assert still.energy == pytest.approx(EMT.energy(alloy), abs=1e-12)
    assert still.displacement == pytest.approx(0.0, abs=1e-12)


def test_a_left_handed_cell_is_the_same_crystal(alloy):
    """Potentials that divide by the triple product had a stress of the wrong sign there, and FIRE climbed."""
    turned = Structure(-alloy.lattice.matrix, alloy.species, -alloy.frac_coords)
    assert np.linalg.det(turned.lattice.matrix) < 0
    assert to_atoms(turned).cell.handedness == 1
    assert to_atoms(turned).get_all_distances(mic=True) == pytest.approx(
        to_atoms(alloy).get_all_distances(mic=True), abs=1e-9
    )
    first, second = EMT.relax(alloy, TIGHT), EMT.relax(turned, TIGHT)
    assert second.energy == pytest.approx(first.energy, abs=1e-6)
    assert second.displacement == pytest.approx(first.displacement, abs=1e-6)


def test_pressure_and_kept_symmetry(alloy):
    free, pressed = (EMT.relax(alloy, RelaxSettings(fmax=0.02, pressure=p)) for p in (0.0, 20.0))
    assert pressed.structure.volume < free.structure.volume
    assert pressed.enthalpy > pressed.energy > free.energy == free.enthalpy
    kept = EMT.relax(fcc("Cu"), RelaxSettings(keep_symmetry=True, max_steps=20))
    assert kept.spacegroup == kept.spacegroup_before


@pytest.mark.parametrize("edge", [3.2, 3.6, 4.2, 5.2])
def test_kept_symmetry_says_nothing_and_fails_nowhere_far_from_the_minimum(edge):
    """ASE's constraint warns of steps of the cell over 15 % and refuses those over 25 %: none is taken."""
    coords = [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0], [0, 0, 0]]
    far = Structure(Lattice.tetragonal(edge, 1.3 * edge), ["Cu", "Cu", "Cu", "Au"], coords)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        relaxed = EMT.relax(far, RelaxSettings(keep_symmetry=True))
    assert relaxed.converged
    assert relaxed.spacegroup_before == 123
    assert relaxed.spacegroup in (123, 221)  # its operations are kept; more may come


def test_refusals_are_sentences_without_their_type():
    (outcome,) = relax_all({"a": Structure(Lattice.cubic(4), ["X"], [[0, 0, 0]])}, EMT).values()
    assert outcome == Failed(kind="error", reason="a site holds a dummy species, which has no energy")


def rotated(structure: Structure) -> Structure:
    turned = structure.copy()
    turned.apply_operation(SymmOp.from_axis_angle_and_translation([1, 2, 3], 37))
    return turned


CHANGES = {
    "permuted": lambda s: Structure.from_sites([s[n] for n in (3, 1, 0, 2)]),
    "rotated": rotated,
    "supercell": lambda s: s * [2, 1, 1],
    "shifted": lambda s: s.copy().translate_sites(range(4), [0.3, 0.9, -0.2]),
    "oxidation states": lambda s: s.copy().add_oxidation_state_by_element({"Cu": 1, "Au": -3}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_how_a_crystal_is_written_changes_no_energy(alloy, change):
    changed = CHANGES[change](alloy)
    assert EMT.energy(changed) == pytest.approx(EMT.energy(alloy), abs=1e-9)


@pytest.mark.parametrize("change", ["permuted", "rotated", "supercell"])
def test_how_a_crystal_is_written_changes_no_minimum(alloy, change):
    first, second = (EMT.relax(s, TIGHT) for s in (alloy, CHANGES[change](alloy)))
    assert second.energy == pytest.approx(first.energy, abs=1e-3)
    assert second.spacegroup == first.spacegroup
    assert second.displacement == pytest.approx(first.displacement, abs=0.02)


def test_relaxed_passes_through_json(alloy):
    relaxed = EMT.relax(alloy, RelaxSettings(max_steps=3))
    back = Relaxed.from_json(relaxed.to_json())
    assert back.structure == relaxed.structure
    assert back.to_json() == relaxed.to_json()


def test_parameters_make_another_potential():
    """A face-centred crystal at its minimum: -8.61 epsilon (Kittel, chapter 3); the cut-off costs 1 %."""
    sites = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    argon = Structure(Lattice.cubic(1.09 * 2**0.5 * 3.4), ["Ar"] * 4, sites)
    parameters = (("sigma", 3.4), ("epsilon", 0.0104), ("rc", 20.0))
    lj = AsePotential(calculator="lj", parameters=parameters)
    assert lj.energy(argon) / 0.0104 == pytest.approx(-8.61, abs=0.12)
    assert lj.name == "ase:lj(sigma=3.4, epsilon=0.0104, rc=20.0)"


@pytest.mark.parametrize(
    ("structure", "complaint"),
    [
        (Structure(Lattice.cubic(4), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]]), "shared between species"),
        (Structure(Lattice.cubic(4), ["X"], [[0, 0, 0]]), "dummy species"),
        (fcc("Xe"), "NotImplementedError"),
        (fcc("Cu") * [6, 6, 7], "504 atoms in the cell, and max_atoms is 500"),
    ],
    ids=["disordered", "dummy", "unknown to the potential", "too large"],
)
def test_what_cannot_be_relaxed_says_why(structure, complaint):
    (outcome,) = relax_all({"a": structure}, EMT).values()
    assert isinstance(outcome, Failed)
    assert outcome.kind == "error"
    assert complaint in outcome.reason


def test_a_structure_that_hangs_or_crashes_costs_only_itself(hostile, monkeypatch):
    monkeypatch.setattr("epitaxy.eval.isolation.worker.GRACE", 0.5)
    potential = load_potential("hostile:Hostile")
    structures = {name: fcc(name) for name in ("Cu", "Au", "Ag", "Pt", "Ni", "Al")}
    work = Work(workers=1, timeout_s=3.0, cache=hostile / "cache")
    outcomes = relax_all(structures, potential, settings=RelaxSettings(max_steps=1), work=work)
    kinds = {name: o.kind for name, o in outcomes.items() if isinstance(o, Failed)}
    assert kinds == {"Au": "crash", "Ag": "time", "Pt": "error", "Ni": "error"}
    assert "no platinum" in outcomes["Pt"].reason
    assert "no finite energy" in outcomes["Ni"].reason
    expected = EMT.relax(structures["Cu"], RelaxSettings(max_steps=1))
    assert outcomes["Cu"].energy == pytest.approx(expected.energy, abs=1e-12)


def test_a_calculator_that_cannot_be_made_fails_structures_not_the_run(hostile):
    (outcome,) = energies_of({"a": fcc("Cu")}, load_potential("hostile:broken")).values()
    assert outcome == Failed(kind="error", reason="OSError: its weights are gone")


def test_after_a_kill_only_the_rest_is_computed(hostile, monkeypatch):
    script = hostile / "run.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from pymatgen.core import Structure\n"
        "from epitaxy.eval.stability import RelaxSettings, Work, load_potential, relax_all\n"
        "here = Path(sys.argv[1])\n"
        "structures = {p.stem: Structure.from_file(p) for p in sorted(here.glob('*.json'))}\n"
        "work = Work(cache=here / 'cache', chunk=1)\n"
        "potential, settings = load_potential('hostile:Hostile'), RelaxSettings(max_steps=1)\n"
        "relax_all(structures, potential, settings=settings, work=work)\n"
    )
    structures = {f"{n}": fcc("Cu", 4.0 + n / 10) for n in range(3)} | {"3": fcc("Al"), "4": fcc("Cu", 4.5)}
    for name, structure in structures.items():
        structure.to(filename=str(hostile / f"{name}.json"))
    structures = {name: Structure.from_file(str(hostile / f"{name}.json")) for name in structures}
    monkeypatch.setenv("DEADLY", "1")
    monkeypatch.setenv("PYTHONPATH", str(hostile))
    killed = subprocess.run([sys.executable, str(script), str(hostile)], capture_output=True, timeout=300)
    assert killed.returncode == -9
    monkeypatch.delenv("DEADLY")
    monkeypatch.setenv("CALCULATED", str(hostile / "log"))
    potential, settings = load_potential("hostile:Hostile"), RelaxSettings(max_steps=1)
    work = Work(cache=hostile / "cache", chunk=1)
    resumed = relax_all(structures, potential, settings=settings, work=work)
    assert set((hostile / "log").read_text().split()) == {"Al2", "Cu2"}
    assert not any(isinstance(outcome, Failed) for outcome in resumed.values())
    fresh = relax_all(structures, potential, settings=settings)
    assert {n: o.energy for n, o in resumed.items()} == {n: o.energy for n, o in fresh.items()}
    (hostile / "log").unlink()
    again = relax_all(structures, potential, settings=settings, work=work)
    assert not (hostile / "log").exists()
    assert [o.to_json() for o in again.values()] == [o.to_json() for o in resumed.values()]


def test_other_settings_and_potentials_are_computed_anew(tmp_path, alloy):
    work = Work(cache=tmp_path)
    one = relax_all({"a": alloy}, EMT, settings=RelaxSettings(max_steps=1), work=work)["a"]
    two = relax_all({"a": alloy}, EMT, settings=RelaxSettings(max_steps=2), work=work)["a"]
    assert (one.steps, two.steps) == (1, 2)
    lj = AsePotential(calculator="lj", parameters=(("sigma", 2.3), ("rc", 8.0)))
    assert energies_of({"a": alloy}, lj, work=work) != energies_of({"a": alloy}, EMT, work=work)


def test_progress_names_the_stage(alloy):
    seen = []
    work = Work(progress=lambda *step: seen.append(step))
    energies_of({"a": alloy, "b": fcc("Cu")}, EMT, work=work, stage="measuring")
    assert seen[-2:] == [("measuring", 1, 2), ("measuring", 2, 2)]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("mace", "no potential is called 'mace': give chgnet"),
        ("ase:", "no potential is called 'ase:'"),
        ("ase:nothing", "ASE has no calculator 'nothing'"),
        ("math:nothing", "math has no 'nothing'"),
        ("math:pi", "math has no 'pi'"),
    ],
)
def test_unknown_potentials_are_refused(name, complaint):
    with pytest.raises(ValueError, match=complaint):
        load_potential(name)


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr("epitaxy.eval.stability.chgnet_potential.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"needs CHGNet: pip install chgnet"):
        load_potential("chgnet")
    monkeypatch.setattr("epitaxy.eval.stability.ase_potential.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"needs ASE: pip install ase"):
        load_potential("ase:emt")


@pytest.mark.parametrize(
    "wrong", [{"fmax": 0.0}, {"fmax": float("nan")}, {"max_steps": -1}, {"max_atoms": 0}]
)
def test_settings_without_meaning(wrong):
    with pytest.raises(ValueError, match="fmax must be positive, max_steps 0 or more and max_atoms"):
        RelaxSettings(**wrong)


def test_importing_is_light():
    """Neither ASE, CHGNet nor torch is there before it is needed."""
    code = "import sys, epitaxy.eval.stability; print(*{'ase', 'chgnet', 'torch'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.strip() == ""


def test_a_crystal_stopped_within_no_grad_leaves_the_next_its_forces():
    """A limit comes between any two instructions, and torch's mode is the process's."""
    torch = pytest.importorskip("torch")
    calculator = pytest.importorskip("ase.calculators.emt").EMT

    class Differentiating(calculator):
        def calculate(self, *args, **words):
            assert torch.is_grad_enabled()
            super().calculate(*args, **words)

    torch.set_grad_enabled(False)
    try:
        assert relax_with(Differentiating(), fcc("Cu"), TIGHT).converged
        assert np.isfinite(energy_with(Differentiating(), fcc("Cu")))
        assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)

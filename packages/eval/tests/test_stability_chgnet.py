"""The default potential. Slow: importing torch and CHGNet takes most of a minute on a busy machine."""

from math import inf
from pathlib import Path

import pandas as pd
import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.operations import SymmOp
from pymatgen.core.structure import Structure

from epitaxy.eval.isolation import Failed
from epitaxy.eval.stability import (
    CHGNetPotential,
    Potential,
    References,
    RelaxSettings,
    energies_of,
    evaluate_stability,
    load_potential,
)
from epitaxy.eval.stability.elements import ELEMENTS

pytest.importorskip("chgnet", reason="CHGNet is not installed")


def rocksalt(cation: str, anion: str, a: float) -> Structure:
    primitive = [[0, a / 2, a / 2], [a / 2, 0, a / 2], [a / 2, a / 2, 0]]
    return Structure(Lattice(primitive), [cation, anion], [[0, 0, 0], [0.5, 0.5, 0.5]])


KNOWN = {
    "Na": Structure(Lattice.cubic(4.2), ["Na", "Na"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
    "Cl": Structure(Lattice.orthorhombic(3.5, 3.5, 4.5), ["Cl", "Cl"], [[0, 0, 0.28], [0, 0, 0.72]]),
    "NaCl": rocksalt("Na", "Cl", 5.65),
}


def test_it_is_the_default_and_has_three_weights():
    assert load_potential() == CHGNetPotential()
    assert isinstance(CHGNetPotential(), Potential)
    assert load_potential("chgnet:r2scan").name == "chgnet:r2scan"
    assert CHGNetPotential().version.startswith("chgnet ")
    with pytest.raises(ValueError, match=r"CHGNet has the weights 0\.3\.0, 0\.2\.0, r2scan, not '9'"):
        load_potential("chgnet:9")


@pytest.mark.slow
def test_rock_salt():
    """The cell of mp-22862, by PBE: a = 5.692 A. The energy is what CHGNet 0.4.2 gave us."""
    potential = load_potential()
    relaxed = potential.relax(rocksalt("Na", "Cl", 5.9), RelaxSettings())
    assert relaxed.converged
    assert relaxed.spacegroup == 225
    assert relaxed.energy == pytest.approx(-3.668, abs=0.005)
    assert (2**0.5) * relaxed.structure.lattice.a == pytest.approx(5.692, abs=0.03)
    assert potential.energy(relaxed.structure) == pytest.approx(relaxed.energy, abs=1e-5)


@pytest.mark.slow
def test_the_elements_energies_are_those_of_mp_20s_own_crystals(data_root: Path):
    """The table below which energies are holes of a potential, made again."""
    splits = [pd.read_csv(data_root / "mp_20" / f"{split}.csv.gz") for split in ("train", "val", "test")]
    table = pd.concat(splits)
    pure = table[table["pretty_formula"].str.fullmatch(r"[A-Z][a-z]?\d*")]
    potential, lowest = load_potential(), dict[str, float]()
    for text in pure["cif"]:
        crystal = Structure.from_str(text, fmt="cif")
        (symbol,) = {element.symbol for element in crystal.composition.elements}
        lowest[symbol] = min(lowest.get(symbol, inf), potential.energy(crystal))
    assert lowest == pytest.approx(dict(ELEMENTS), abs=0.051)


@pytest.mark.slow
def test_the_shipped_weights_differ():
    energies = {name: load_potential(f"chgnet:{name}").energy(KNOWN["NaCl"]) for name in ("0.3.0", "r2scan")}
    assert abs(energies["0.3.0"] - energies["r2scan"]) > 0.01


@pytest.mark.slow
def test_forces_and_stress_are_those_of_chgnets_own_code():
    """One backward pass for both, of which nothing is kept; and no slope is left behind."""
    from chgnet.model.model import CHGNet

    from epitaxy.eval.stability.chgnet_forces import for_use_alone

    own, ours = (CHGNet.load(verbose=False, use_device="cpu") for _ in range(2))
    ours = for_use_alone(ours)
    moved = KNOWN["NaCl"] * (2, 1, 1)
    moved.perturb(0.1, seed=0)
    a, b = (model.predict_structure(moved, task="efs") for model in (own, ours))
    assert set(a) == set(b)
    assert abs(a["e"] - b["e"]) < 1e-6
    assert abs(a["f"] - b["f"]).max() < 1e-4
    assert abs(a["s"] - b["s"]).max() < 1e-3
    assert abs(ours.predict_structure(moved, task="e")["e"] - a["e"]) < 1e-6


@pytest.mark.slow
def test_an_isolated_atom_is_an_error():
    lone = Structure(Lattice.cubic(20), ["Na"], [[0, 0, 0]])
    (outcome,) = energies_of({"a": lone}, load_potential()).values()
    assert isinstance(outcome, Failed)
    assert "isolated" in outcome.reason


@pytest.mark.slow
def test_a_known_phase_is_on_the_hull_however_it_is_written(capfd):
    salt = rocksalt("Na", "Cl", 5.75)
    turned = salt.copy()
    turned.apply_operation(SymmOp.from_axis_angle_and_translation([1, 2, 3], 37))
    samples = {
        "as is": salt,
        "turned": turned,
        "permuted": Structure.from_sites(list(reversed(salt))),
        "supercell": salt * [2, 1, 1],
        "wrong": Structure(Lattice.cubic(3.4), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
    }
    result = evaluate_stability(
        samples, hull=References(source="three crystals", structures=KNOWN), settings=RelaxSettings(fmax=0.02)
    )
    above = {candidate.id: candidate.e_hull for candidate in result.candidates}
    assert [above[n] for n in ("as is", "turned", "permuted", "supercell")] == pytest.approx(
        [0.0] * 4, abs=2e-3
    )
    assert above["wrong"] > 0.01  # the structure of caesium chloride
    assert capfd.readouterr().out == ""

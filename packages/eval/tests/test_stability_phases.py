"""Energies of known phases that come with the package: whose they are, and that they are right."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version

import numpy as np
import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.eval.resumable import structure_key
from epitaxy.eval.resumable.store import about_task
from epitaxy.eval.shipped import DECIMALS
from epitaxy.eval.stability import (
    Potential,
    References,
    Relaxed,
    RelaxSettings,
    build_hull,
    evaluate_stability,
    load_potential,
    phases,
)
from epitaxy.eval.stability.batch import known_phases


def pair(first: str, second: str) -> Structure:
    return Structure(Lattice.cubic(3.0), [first, second], [[0, 0, 0], [0.5, 0.5, 0.5]])


PHASES = {"Na": pair("Na", "Na"), "Cl": pair("Cl", "Cl"), "NaCl": pair("Na", "Cl")}
ENERGIES = {"Na": -1.0, "Cl2": -2.0, "NaCl": -4.0}
SHIPPED = {"Na": (-1.5, -1.6), "Cl": (-2.5, -2.7), "NaCl": (-4.5, -4.75)}
"""As they are, and relaxed: not what the potential below would say."""


@dataclass
class Default:
    """Looks like the default potential, and keeps what it was asked."""

    name: str = "chgnet:0.3.0"
    version: str = "chgnet 0.4.2"
    asked: list[str] = field(default_factory=list)

    def prepare(self) -> None:
        """Load nothing."""

    def energy(self, structure: Structure) -> float:
        self.asked.append(f"energy {structure.composition.reduced_formula}")
        return ENERGIES[structure.composition.reduced_formula]

    def relax(self, structure: Structure, settings: RelaxSettings) -> Relaxed:
        self.asked.append(f"relax {structure.composition.reduced_formula}")
        energy = ENERGIES[structure.composition.reduced_formula] - 0.125
        return Relaxed(
            structure=structure, energy=energy, converged=True, steps=1, max_force=0.0, displacement=0.0,
            rmsd=0.0, spacegroup=1, seconds=0.0, pressure=settings.pressure,
        )  # fmt: skip


@pytest.fixture
def table(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ship three phases."""
    settings = {
        "fmax": 0.025, "keep_symmetry": False, "max_atoms": 500, "max_steps": 500, "pressure": 0.0,
        "potential": "chgnet:0.3.0", "version": "chgnet 0.4.2",
    }  # fmt: skip
    identity = {key: settings[key] for key in ("potential", "version")}
    abouts = [about_task("energy", 1, identity), about_task("relax", 2, settings)]
    np.savez(
        tmp_path / phases.FILE,
        about=np.array(abouts),
        keys=np.array(
            [
                np.frombuffer(bytes.fromhex(structure_key(one, decimals=DECIMALS)), dtype=np.uint8)
                for one in PHASES.values()
            ]
        ),
        values0=np.array([SHIPPED[name][0] for name in PHASES], dtype=np.float32),
        values1=np.array([SHIPPED[name][1] for name in PHASES], dtype=np.float32),
    )
    monkeypatch.setattr(phases, "files", lambda _: tmp_path)
    phases._column.cache_clear()
    yield
    phases._column.cache_clear()


SYSTEM = [frozenset({"Na", "Cl"})]
KNOWN = References(source="known", structures=PHASES)


@pytest.mark.usefixtures("table")
def test_what_is_known_is_not_computed() -> None:
    potential = Default()
    hull = build_hull(KNOWN, SYSTEM, potential)
    assert potential.asked == []
    assert {entry.id: entry.energy for entry in hull.entries} == pytest.approx(
        {name: lowest for name, (_, lowest) in SHIPPED.items()}
    )
    assert [entry.id for entry in hull.entries] == list(PHASES)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("potential", "settings", "computed"),
    [
        (Default(name="chgnet:r2scan"), None, {"energy", "relax"}),
        (Default(version="chgnet 0.5"), None, {"energy", "relax"}),
        (Default(), RelaxSettings(fmax=0.01), {"relax"}),
        (Default(), RelaxSettings(keep_symmetry=True), {"relax"}),
        (Default(), RelaxSettings(pressure=1.0), {"relax"}),
    ],
)
def test_of_another_potential_or_other_settings_it_is(
    potential: Default, settings: RelaxSettings | None, computed: set[str]
) -> None:
    build_hull(KNOWN, SYSTEM, potential, settings=settings)
    assert {what.split()[0] for what in potential.asked} == computed


@pytest.mark.usefixtures("table")
def test_a_phase_that_is_a_sample_lies_at_0_from_itself() -> None:
    """Whatever another processor's energy of it: both are this one's."""
    potential = Default()
    result = evaluate_stability({"a": PHASES["NaCl"]}, hull=KNOWN, potential=potential)
    assert sorted(potential.asked) == ["energy NaCl", "relax NaCl", "relax NaCl"]
    assert result.candidates[0].e_hull == 0.0


@pytest.mark.usefixtures("table")
def test_another_crystal_is_computed() -> None:
    moved = PHASES["NaCl"].copy()
    moved.translate_sites([0], [1e-6, 0, 0])
    potential = Default()
    build_hull(References(source="", structures=PHASES | {"NaCl": moved}), SYSTEM, potential)
    assert potential.asked == ["energy NaCl", "relax NaCl"]


def test_under_pressure_energies_as_they_are_get_their_volume(table: None) -> None:
    assert known_phases(PHASES, Default()) == pytest.approx({k: e for k, (e, _) in SHIPPED.items()})
    hull = build_hull(
        References(source="", structures=PHASES, relax_within=None),
        SYSTEM,
        Default(),
        settings=RelaxSettings(pressure=160.21766208),  # 1 eV per cubic angstrom
    )
    assert [entry.energy for entry in hull.entries] == pytest.approx([e + 13.5 for e, _ in SHIPPED.values()])


def test_the_file_is_of_the_default_potential_and_settings() -> None:
    """If this fails, a task or the default settings are other ones now: run ``scripts/freeze_phases.py``."""
    pytest.importorskip("chgnet")
    assert f"chgnet {version('chgnet')}" == load_potential().version
    for settings in (None, RelaxSettings()):
        task = phases._column(about(load_potential(), settings))
        assert len(task) > 3_000
        assert all(-30 < value < 2 for value in task.values())


def about(potential: Potential, settings: RelaxSettings | None) -> str:
    from epitaxy.eval.stability.batch import _Energy, _Relax

    task = _Energy(potential) if settings is None else _Relax(potential, settings)
    return about_task(task.NAME, task.VERSION, task.parameters)


@pytest.mark.slow
@pytest.mark.real_data
def test_what_is_shipped_is_what_would_be_computed() -> None:
    pytest.importorskip("chgnet")
    apps = pytest.importorskip("epitaxy.apps.evaluation.relax")
    everything = apps._all_splits("mp_20", None)
    potential, settings = load_potential(), RelaxSettings()
    lowest = known_phases(everything, potential, settings)
    energies = known_phases(everything, potential)
    assert len(lowest) > 3_000
    for name in list(lowest)[:: len(lowest) // 12]:
        assert potential.energy(everything[name]) == pytest.approx(energies[name], abs=1e-5)
        assert potential.relax(everything[name], settings).enthalpy == pytest.approx(lowest[name], abs=1e-3)

"""Sampling that begins from a given structure."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from cells import face_centred
from pymatgen.core import Lattice, Structure

from epitaxy.apps import UsageError
from epitaxy.apps.asymmetric_units.generator import SymmBFN
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.apps.molecules.generator import GeoBFN

PEROVSKITE = Structure.from_spacegroup(
    "Pm-3m", Lattice.cubic(3.905), ["Sr", "Ti", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]]
)
CASES: list[tuple[Any, str, Any]] = [
    (CrystalGenerator, "crysbfn-perov-small", PEROVSKITE),
    (CrystalGenerator, "kldm-perov-small", PEROVSKITE),
    (SymmBFN, "symmbfn-mp20-small", PEROVSKITE),
    (GeoBFN, "geobfn-qm9-small", molecule("CH3CH2OH")),
]
each = pytest.mark.parametrize(("kind", "name", "like"), CASES, ids=[name for _, name, _ in CASES])


def difference(a: Any, b: Any) -> float:
    """Return how far two structures' atoms are apart, angstrom; of molecules, their distances."""
    if isinstance(a, Atoms):
        return float(abs(a.get_all_distances() - b.get_all_distances()).max())
    return float(abs(np.sort(a.distance_matrix.ravel()) - np.sort(b.distance_matrix.ravel())).max())


@each
def test_nothing_is_done_at_no_strength_and_all_at_full(kind: Any, name: str, like: Any) -> None:
    """Strength 0 returns what is given, to the bit; between, more is less like it; 1 is free generation."""
    model = kind.load(name)

    def made(strength: float, num: int = 4) -> list[Any]:
        requests = model.requests(like=like, strength=strength, num=num, seed=1)
        return [sample.structure for sample in model.samples(requests, steps=20, redraws=5)]

    for same in made(0.0):
        assert same == like
        assert same is not like
    little = [difference(found, like) for found in made(0.15) if found is not None]
    assert little
    assert float(np.median(little)) < 1.0
    if name.startswith("geobfn"):
        free = model.samples(model.requests(num=2, seed=1, num_atoms=len(like)), steps=20, redraws=5)
        assert [sample.structure for sample in free] == made(1.0, 2)


@each
def test_a_sample_does_not_depend_on_its_batch(kind: Any, name: str, like: Any) -> None:
    model = kind.load(name)
    requests = [
        request
        for strength in (0.4, 0.0, 0.8)
        for request in model.requests(like=like, strength=strength, num=2, seed=5)
    ]
    words: dict[str, Any] = {"steps": 10, "redraws": 0}
    together, alone = model.samples(requests, **words), model.samples(requests, batch_size=1, **words)
    for a, b in zip(together, alone, strict=True):
        assert (a.structure is None) == (b.structure is None)
        assert a.structure is None or difference(a.structure, b.structure) < 0.05


def test_files_and_words(tmp_path: Path) -> None:
    file, two = tmp_path / "one.cif", tmp_path / "two.xyz"
    PEROVSKITE.to(str(file))
    two.write_text("2\n\nO 0 0 0\nO 0 0 1.2\n" * 2)
    crystals, molecules = (kind.load(name) for kind, name, _ in (CASES[1], CASES[3]))
    found = crystals.sample(like=file, strength=0.1, num=2, steps=10)
    assert {one.composition.reduced_formula for one in found} == {"SrTiO3"}
    salt = tmp_path / "salt.cif"
    face_centred(5.6, "Pu", "Cl").to(str(salt))
    refused: list[tuple[Any, dict[str, Any], str]] = [
        (crystals, {"like": tmp_path / "no.cif"}, "there is no such file"),
        (crystals, {"like": file, "strength": 1.5}, "--strength 1.5: 0 leaves"),
        (crystals, {"strength": 0.5}, "--strength says how far to go from the structure --like"),
        (crystals, {"like": file, "formula": "SrTiO3"}, "--formula: the structure --like says it already"),
        (crystals, {"like": salt}, "--like: the model was not trained on"),
        (crystals, {"like": molecule("H2O")}, "this model makes crystals"),
        (molecules, {"like": two}, "it holds 2 structures; give a file of one molecule"),
        (molecules, {"like": molecule("H2O"), "num_atoms": 3}, "--num-atoms: the structure --like"),
        (molecules, {"like": PEROVSKITE}, "this model makes molecules"),
    ]
    for model, words, sentence in refused:
        with pytest.raises(UsageError) as error:
            model.requests(num=1, seed=0, **words)
        assert sentence in str(error.value)

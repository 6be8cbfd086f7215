import numpy as np
import pytest
import torch
from ase.build import molecule
from ase.io import read
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.data.molecules import MoleculeDataset, RawMolecule, read_molecules, write_sdf, write_xyz
from epitaxy.geometry import MoleculeBatch, Segments


def batch() -> MoleculeBatch:
    names = ["CO", "H2O", "LiF"]
    dataset = MoleculeDataset.from_atoms(
        map(molecule, names), names, properties={"mu": [0.11, 1.85, float("nan")]}
    )
    return dataset.batch(range(3), dtype=torch.float64)


BONDS = np.array([[0, 1, 3], [2, 3, 1], [2, 4, 1]])


def test_sdf_comes_back(tmp_path):
    path = tmp_path / "a.sdf"
    write_sdf(path, batch(), BONDS, fields=[{"smiles": "[C-]#[O+]"}, {"note": "two\nlines", "n": 3}, {}])
    monoxide, water, fluoride = read_molecules(path)
    assert (monoxide.id, water.id, fluoride.id) == ("CO", "H2O", "LiF")
    assert (water.properties, fluoride.properties) == ({"mu": 1.85, "n": 3.0}, {})
    np.testing.assert_allclose(water.molecule.positions, molecule("H2O").positions, atol=6e-5)
    lines = path.read_text().split("$$$$\n")[1].splitlines()
    assert lines[3].startswith("  3  2")
    assert lines[7:9] == ["  1  2  1  0  0  0  0", "  1  3  1  0  0  0  0"]
    assert "two lines" in lines


def test_ase_reads_the_atoms_of_both(tmp_path):
    write_sdf(tmp_path / "a.sdf", batch().select([1]), BONDS[1:] - np.array([2, 2, 0]))
    write_xyz(tmp_path / "a.xyz", batch(), fields=[{"smiles": "C O", "id": "CO"}, {"ok": True}, {"n": 2}])
    assert (tmp_path / "a.xyz").read_text().count("id=") == 3  # each once, of fields too
    assert read(tmp_path / "a.sdf").get_chemical_formula() == "H2O"
    first, water, last = read(tmp_path / "a.xyz", index=":")
    assert (first.info["smiles"], water.info["mu"], last.info["n"]) == ("C O", 1.85, 2)
    assert not water.pbc.any()
    np.testing.assert_allclose(water.positions, molecule("H2O").positions, atol=1e-7)


@given(st.integers(0, 2**31), st.sampled_from(["sdf", "xyz"]))
def test_what_is_written_is_read_back(tmp_path_factory, seed, kind):
    rng = torch.Generator().manual_seed(seed)
    counts = torch.randint(1, 8, (3,), generator=rng)
    atoms = int(counts.sum())
    molecules = MoleculeBatch(
        segments=Segments.from_counts(counts),
        positions=20 * torch.randn(atoms, 3, generator=rng, dtype=torch.float64),
        numbers=torch.randint(1, 119, (atoms,), generator=rng),
        ids=("a", "b c", "d/e=f"),
    )
    path = tmp_path_factory.mktemp("w") / f"all.{kind}"
    {"sdf": write_sdf, "xyz": write_xyz}[kind](path, molecules)
    found = [record for record in read_molecules(path) if isinstance(record, RawMolecule)]
    assert [record.id for record in found] == ["a", "b c", "d/e=f"]
    assert np.concatenate([r.molecule.numbers for r in found]).tolist() == molecules.numbers.tolist()
    places = np.concatenate([r.molecule.positions for r in found])
    np.testing.assert_allclose(places, molecules.positions.numpy(), atol=6e-5)


def test_a_molecule_beyond_v2000(tmp_path):
    line = torch.zeros(1200, 3, dtype=torch.float64)
    line[:, 0] = 1.5 * torch.arange(1200)
    polymer = MoleculeBatch(
        segments=Segments.from_counts([1200]),
        positions=line,
        numbers=torch.full((1200,), 6),
        ids=("polymer",),
    )
    bonds = np.array([[i, i + 1, 1] for i in range(1199)])
    write_sdf(tmp_path / "a.sdf", polymer, bonds)
    (found,) = read_molecules(tmp_path / "a.sdf", max_atoms=2000)
    assert "V3000" in (tmp_path / "a.sdf").read_text()
    np.testing.assert_allclose(found.molecule.positions, line.numpy(), atol=6e-5)
    far = MoleculeBatch(
        segments=Segments.from_counts([1]),
        positions=torch.tensor([[-123456.5, 0.0, 0.0]]),
        numbers=torch.tensor([2]),
        ids=("far",),
    )
    write_sdf(tmp_path / "b.sdf", far)
    (found,) = read_molecules(tmp_path / "b.sdf")
    assert found.molecule.positions[0, 0] == -123456.5


@pytest.mark.parametrize(
    ("bonds", "message"),
    [([[0, 2, 1]], "two molecules"), ([[6, 7, 1]], r"outside 0 \.\.\. 6"), ([[-1, 0, 1]], "outside")],
)
def test_bonds_that_join_nothing(tmp_path, bonds, message):
    with pytest.raises(ValueError, match=message):
        write_sdf(tmp_path / "a.sdf", batch(), np.array(bonds))
    assert not (tmp_path / "a.sdf").exists()


@pytest.mark.parametrize("writer", [write_sdf, write_xyz])
def test_one_mapping_a_molecule(tmp_path, writer):
    with pytest.raises(ValueError, match="2 mappings of fields for 3 molecules"):
        writer(tmp_path / "a", batch(), fields=[{}, {}])


def test_rdkit_reads_the_bonds(tmp_path):
    chem = pytest.importorskip("rdkit.Chem")
    write_sdf(tmp_path / "a.sdf", batch(), BONDS)
    found = list(chem.SDMolSupplier(str(tmp_path / "a.sdf"), sanitize=False, removeHs=False))
    assert [[int(b.GetBondType()) for b in m.GetBonds()] for m in found] == [[3], [1, 1], []]
    assert found[1].GetConformer().Is3D()

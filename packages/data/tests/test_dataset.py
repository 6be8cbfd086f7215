import numpy as np
import pytest
import torch
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.data import CrystalDataset, DataError, to_structures, write_cifs
from epitaxy.data.molecules import MoleculeDataset
from epitaxy.geometry import CrystalBatch
from epitaxy.geometry.testing import crystal_batches


def dataset_of(counts: list[int]) -> CrystalDataset:
    """Crystals that are told apart by their elements, coordinates and properties."""
    atoms, graphs = sum(counts), len(counts)
    return CrystalDataset(
        ids=tuple(f"c{i}" for i in range(graphs)),
        counts=torch.tensor(counts),
        numbers=torch.arange(atoms) % 100 + 1,
        positions=torch.arange(3 * atoms, dtype=torch.float64).view(atoms, 3) / (3 * atoms),
        lattice=torch.eye(3, dtype=torch.float64) * (5.0 + torch.arange(graphs).view(-1, 1, 1)),
        properties={"p": torch.arange(graphs, dtype=torch.float64)},
    )


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.data())
def test_a_batch_is_its_crystals_one_after_the_other(counts, data):
    dataset = dataset_of(counts)
    indices = data.draw(st.lists(st.integers(0, len(counts) - 1), min_size=1, max_size=8))
    batch = dataset.batch(indices, dtype=torch.float64)
    expected = CrystalBatch.cat([dataset.batch([i], dtype=torch.float64) for i in indices])
    assert batch.ids == tuple(f"c{i}" for i in indices)
    for name in ("numbers", "positions", "lattice"):
        torch.testing.assert_close(getattr(batch, name), getattr(expected, name), rtol=0, atol=0)
    ends = np.cumsum(counts)
    rows = np.concatenate([np.arange(ends[i] - counts[i], ends[i]) for i in indices])
    torch.testing.assert_close(batch.positions, dataset.positions[rows], rtol=0, atol=0)
    assert batch.properties["p"].tolist() == indices


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_batch_has_the_precision_asked_for(dtype):
    batch = dataset_of([2, 3]).batch(torch.tensor([1]), dtype=dtype)
    assert batch.positions.dtype == batch.lattice.dtype == batch.properties["p"].dtype == dtype


def test_an_index_outside_is_an_error():
    with pytest.raises(IndexError):
        dataset_of([1, 2]).batch([2])


@given(crystal_batches(dtype=torch.float64))
def test_structures_hold_what_the_batch_holds(batch):
    for i, structure in enumerate(to_structures(batch)):
        one = batch.select([i])
        assert list(structure.atomic_numbers) == one.numbers.tolist()
        np.testing.assert_array_equal(structure.frac_coords, one.positions.numpy())
        np.testing.assert_array_equal(structure.lattice.matrix, one.lattice[0].numpy())


def test_structures_come_back_as_the_same_crystals():
    spinel = Structure.from_spacegroup(
        "Fd-3m", Lattice.cubic(8.08), ["Mg", "Al", "O"], [[0.0] * 3, [0.625] * 3, [0.3876] * 3]
    )
    quartz = Structure.from_spacegroup(
        "P3_221", Lattice.hexagonal(4.91, 5.4), ["Si", "O"], [[0.47, 0, 2 / 3], [0.41, 0.27, 0.786]]
    )
    dataset = CrystalDataset.from_structures([spinel, quartz], properties={"gap": [7.8, float("nan")]})
    assert dataset.ids == ("000000", "000001")
    assert dataset.counts.tolist() == [56, 9]
    matcher = StructureMatcher(primitive_cell=False, attempt_supercell=False)
    for given_structure, found in zip([spinel, quartz], dataset.structures(), strict=True):
        assert matcher.fit(given_structure, found)
    assert matcher.fit(quartz, dataset.structure(1))
    assert dataset.properties["gap"][0] == 7.8


def test_from_structures_names_what_it_cannot_use(rocksalt):
    half = Structure(rocksalt.lattice, [{"Na": 0.5}, "Cl"], rocksalt.frac_coords)
    with pytest.raises(DataError, match="structure b cannot be used: it has partial occupancies"):
        CrystalDataset.from_structures([rocksalt, half], ids=["a", "b"])
    with pytest.raises(DataError, match="one id of its own"):
        CrystalDataset.from_structures([rocksalt, rocksalt], ids=["a", "a"])
    with pytest.raises(DataError, match="at least one"):
        CrystalDataset.from_structures([])


def test_subsets_and_splits_keep_identity():
    dataset = dataset_of([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    part = dataset.subset([9, 0])
    assert part.ids == ("c9", "c0")
    assert part.counts.tolist() == [10, 1]
    parts = dataset.split([0.8, 0.1, 0.1], seed=1)
    assert [len(p) for p in parts] == [8, 1, 1]
    assert sorted(i for p in parts for i in p.ids) == sorted(dataset.ids)
    assert [p.ids for p in parts] == [p.ids for p in dataset.split([8, 1, 1], seed=1)]
    assert [p.ids for p in parts] != [p.ids for p in dataset.split([8, 1, 1], seed=2)]
    with pytest.raises(DataError, match="no crystals"):
        dataset.split([1.0, 0.0], seed=0)


def test_a_folder_with_splits_and_one_without(tmp_path, rocksalt):
    for split, number in (("train", 3), ("val", 2)):
        write_cifs(tmp_path / "mine" / split, [rocksalt] * number)
    assert len(CrystalDataset.load(tmp_path / "mine")) == 3
    assert CrystalDataset.load(tmp_path / "mine", "val").note == ""
    write_cifs(tmp_path / "flat", [rocksalt] * 40)
    parts = [CrystalDataset.load(tmp_path / "flat", split) for split in ("train", "val", "test")]
    assert sum(len(p) for p in parts) == 40
    assert sorted(i for p in parts for i in p.ids) == [f"{i:06d}" for i in range(40)]
    assert "hash" in parts[0].note
    assert len({p.prepared.folder for p in parts if p.prepared is not None}) == 1


def test_a_hashed_split_without_crystals_says_so(tmp_path, rocksalt):
    write_cifs(tmp_path, [rocksalt])
    assert len(CrystalDataset.load(tmp_path)) == 1
    with pytest.raises(DataError, match="falls into the val split"):
        CrystalDataset.load(tmp_path, "val")


def test_torch_geometric_loads_what_the_dataset_holds():
    from torch_geometric.loader import DataLoader

    dataset = dataset_of([2, 1, 4])
    view = dataset.to_pyg()
    assert len(view) == 3
    assert view[2].num_nodes == 4
    (loaded,) = DataLoader(view, batch_size=3)
    batch = CrystalBatch.from_pyg(loaded)
    expected = dataset.batch([0, 1, 2])
    assert batch.ids == expected.ids
    torch.testing.assert_close(batch.positions, expected.positions)
    torch.testing.assert_close(batch.lattice, expected.lattice)


def test_a_dataset_does_not_change():
    dataset = dataset_of([1])
    with pytest.raises(AttributeError):
        dataset.ids = ("other",)  # type: ignore[misc]
    with pytest.raises(TypeError):
        dataset.properties["p"] = torch.zeros(1)  # type: ignore[index]


@pytest.mark.parametrize("indices", [[True, False], [0.5], torch.tensor([[0]]), torch.tensor([1.0])])
def test_what_is_no_index_is_not_taken_for_one(indices):
    """A mask is not the indices 0 and 1, and a half is not 0."""
    dataset = dataset_of([1, 2])
    for method in (dataset.batch, dataset.subset):
        with pytest.raises((ValueError, TypeError), match=r"vector of whole numbers|Type-check"):
            method(indices)


@pytest.mark.parametrize("value", [float("inf"), "1", True, 10**400, [1.0]])
def test_properties_in_memory_are_finite_numbers_or_missing(value, rocksalt):
    with pytest.raises((DataError, TypeError), match=r"gap of b is .*, no finite number|Type-check"):
        CrystalDataset.from_structures([rocksalt] * 2, ["a", "b"], properties={"gap": [1.0, value]})
    atoms = [Atoms("He", [[0, 0, 0]])] * 2
    with pytest.raises((DataError, TypeError), match=r"gap of b is .*, no finite number|Type-check"):
        MoleculeDataset.from_atoms(atoms, ["a", "b"], properties={"gap": [1.0, value]})
    known = CrystalDataset.from_structures([rocksalt] * 2, properties={"gap": [1.0, None]}).properties["gap"]
    assert known.isnan().tolist() == [False, True]


def test_what_is_periodic_otherwise_is_not_taken_for_it(rocksalt):
    slab = Structure(Lattice(rocksalt.lattice.matrix, pbc=(True, True, False)), ["Na"], [[0, 0, 0]])
    with pytest.raises(DataError, match="000000 cannot be used: it is not periodic in three directions"):
        CrystalDataset.from_structures([slab])
    with pytest.raises(DataError, match="000000 cannot be used: it is periodic"):
        MoleculeDataset.from_atoms([Atoms("He", [[0, 0, 0]], cell=[4, 4, 4], pbc=True)])
    MoleculeDataset.from_atoms([Atoms("He", [[0, 0, 0]], cell=[4, 4, 4])])


def test_what_is_no_structure_is_named(rocksalt):
    for wrong in ("NaCl.cif", {"a": 1}):
        with pytest.raises((DataError, TypeError), match=r"000001 cannot be used: it is a|Type-check"):
            CrystalDataset.from_structures([rocksalt, wrong])

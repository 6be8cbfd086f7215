"""Asymmetric units from files, and what is kept of them."""

import csv
import json
import math
from collections import Counter
from pathlib import Path

import pytest
import torch
from pymatgen.analysis.structure_matcher import StructureMatcher

from epitaxy.data import CrystalDataset, DataError, to_structures
from epitaxy.data.wyckoff import WyckoffDataset, WyckoffStatistics, prepare_wyckoff
from epitaxy.geometry.symmetry import crystal_system, lattice_mask, lattice_to_k

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")

ARRAYS = ("counts", "space_groups", "sites", "numbers", "positions", "lattice")


@pytest.fixture(scope="module")
def prototypes(embedded_cache: Path) -> WyckoffDataset:
    """The embedded crystals' training split."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EPITAXY_CACHE", str(embedded_cache))
        return WyckoffDataset.load("prototypes")


@pytest.fixture
def table(tmp_path: Path, rocksalt_cif: str) -> Path:
    """Twenty records, each with a lattice of its own, one of them broken."""
    with (tmp_path / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["material_id", "cif", "number"])
        for i in range(20):
            cif = rocksalt_cif.replace("3.98808225", f"{3.9 + i / 100:.8f}")
            writer.writerow([f"id-{i}", cif[:200] if i == 7 else cif, i])
    return tmp_path


def same(first: WyckoffDataset, second: WyckoffDataset) -> bool:
    return first.ids == second.ids and all(
        torch.equal(getattr(first, name), getattr(second, name)) for name in ARRAYS
    )


def test_the_embedded_crystals_come_back(prototypes):
    assert "hash" in prototypes.note
    crystals = CrystalDataset.load("prototypes")
    assert prototypes.ids == crystals.ids
    chosen = range(0, len(prototypes), 60)
    back = to_structures(prototypes.batch(chosen).expand())
    matcher = StructureMatcher()
    for i, structure in zip(chosen, back, strict=True):
        assert matcher.fit(structure, crystals.structure(i)), crystals.ids[i]


def test_batches_lie_on_their_sites_in_either_precision(prototypes):
    every = prototypes.batch(range(len(prototypes)))
    assert every.positions.dtype == torch.float32
    assert bool(((every.positions >= 0) & (every.positions < 1)).all())
    exact = prototypes.batch(range(len(prototypes)), dtype=torch.float64)
    torch.testing.assert_close(every.expand().positions.double(), exact.expand().positions, atol=1e-5, rtol=0)
    assert bool((exact.lattice == exact.lattice.transpose(-1, -2)).all())


def test_subsets_and_splits(prototypes):
    part = prototypes.subset([5, 3])
    assert part.ids == (prototypes.ids[5], prototypes.ids[3])
    assert same(part.subset([1]), prototypes.subset([3]))
    a, b = prototypes.split((3, 1), seed=0)
    assert sorted((*a.ids, *b.ids)) == sorted(prototypes.ids)
    assert same(a, prototypes.split((3, 1), seed=0)[0])
    with pytest.raises(DataError, match="no crystals"):
        prototypes.subset([])


def test_preparation_happens_once_and_names_its_rejects(table):
    seen = []
    first = prepare_wyckoff(table, progress=lambda done, total: seen.append((done, total)))
    assert (first.crystals, first.rejects, first.reused) == (19, 1, False)
    assert seen == [(i, 20) for i in range(1, 21)] + [(i, 19) for i in range(1, 20)]
    again = prepare_wyckoff(table, progress=lambda *_: pytest.fail("prepared twice"))
    assert again.reused
    assert again.folder == first.folder
    dataset = WyckoffDataset.load(table)
    assert dataset.space_groups.unique().tolist() == [dataset.space_groups[0]]
    assert dataset.properties["number"].tolist() == [float(i) for i in range(20) if i != 7]
    rejects = [json.loads(line) for line in first.rejects_path.read_text().splitlines()]
    assert [r["id"] for r in rejects] == ["id-7"]


def test_crystals_without_a_unit_are_rejected_with_the_reason(table, rocksalt, caplog):
    # The supercell is no supercell to its space group; with another atom in one place it is.
    large, doped = rocksalt * (2, 2, 2), rocksalt * (2, 2, 2)
    doped.replace(0, "K")
    row = [["large", str(large.to(fmt="cif")), "1"], ["doped", str(doped.to(fmt="cif")), "2"]]
    with (table / "train.csv").open("a", newline="") as file:
        csv.writer(file).writerows(row)
    found = prepare_wyckoff(table, max_atoms=8)
    rejects = {r["id"]: r for r in map(json.loads, found.rejects_path.read_text().splitlines())}
    assert rejects.keys() == {"id-7", "doped"}
    assert "more than the limit of 8; raise max_atoms" in rejects["doped"]["reason"]
    assert "have no asymmetric unit" in caplog.text


def test_another_tolerance_or_limit_is_another_cache(table):
    folders = {
        prepare_wyckoff(table).folder,
        prepare_wyckoff(table, symprec=0.01).folder,
        prepare_wyckoff(table, max_atoms=100).folder,
    }
    assert len(folders) == 3


def test_processes_change_nothing(table, monkeypatch, tmp_path_factory):
    def arrays(workers: int) -> bytes:
        monkeypatch.setenv("EPITAXY_CACHE", str(tmp_path_factory.mktemp("cache")))
        return (prepare_wyckoff(table, workers=workers).folder / "crystals.npz").read_bytes()

    assert arrays(1) == arrays(2)


def test_nothing_usable_says_the_first_reason(table):
    with pytest.raises(DataError, match=r"none of the 19 crystals .* more than the limit of 1; .*\(id-0\)"):
        prepare_wyckoff(table, max_atoms=1)


def test_loading_and_making_are_the_same(table):
    loaded = WyckoffDataset.load(table)
    made = WyckoffDataset.from_crystals(CrystalDataset.load(table))
    assert same(loaded, made)
    assert made.prepared is None


def test_statistics_are_those_of_the_data(prototypes):
    found = WyckoffStatistics.of(prototypes)
    assert found.crystals == len(prototypes) == sum(found.space_groups.values())
    assert found.space_groups.keys() == found.orbits.keys()
    for group, seen in found.orbits.items():
        assert sum(seen.values()) == found.space_groups[group]
    assert WyckoffStatistics.from_json(found.to_json()) == found
    assert found.atoms_per_cell is not None
    assert found.formula_units is not None
    by_size: Counter[int] = Counter()
    for size, units in found.formula_units.items():
        by_size.update({size * number: seen for number, seen in units.items()})
    assert by_size == found.atoms_per_cell
    k, free = lattice_to_k(prototypes.lattice), lattice_mask(prototypes.space_groups)
    for i in range(6):
        values = k[free[:, i], i]
        if len(values):
            assert found.k_mean[i] == pytest.approx(float(values.mean()))
            assert found.k_std[i] == pytest.approx(float(values.std(unbiased=False)))
        else:
            assert (found.k_mean[i], found.k_std[i]) == (0.0, 1.0)


def test_units_are_those_of_primitive_cells(rocksalt):
    found = WyckoffStatistics.of(WyckoffDataset.from_structures([rocksalt, rocksalt]))
    assert found.formula_units == {2: {1: 2}}
    assert found.units_of(2) == {1: 6}
    assert found.units_of(3) == {}


def test_what_varies_nowhere_has_unit_scale(rocksalt):
    found = WyckoffStatistics.of(WyckoffDataset.from_structures([rocksalt, rocksalt]))
    assert found.k_std == (1.0,) * 6
    assert found.k_mean[5] == pytest.approx(math.log(5.64))


def test_an_unseen_group_has_the_orbits_of_its_crystal_system(prototypes, rocksalt):
    found = WyckoffStatistics.of(prototypes)
    for group, count in found.space_groups.items():
        assert found.orbits_of(group) == found.orbits[group]
        assert sum(found.orbits_of(group).values()) == count
    unseen = next(g for g in range(195, 231) if g not in found.orbits)
    cubic = [seen for g, seen in found.orbits.items() if crystal_system(g) == "cubic"]
    expected = {n: sum(seen.get(n, 0) for seen in cubic) for n in set().union(*cubic)}
    assert found.orbits_of(unseen) == expected
    # No crystal of the system either: all count.
    salt = WyckoffStatistics.of(WyckoffDataset.from_structures([rocksalt]))
    assert [dict(salt.orbits_of(group)) for group in (1, 225, 2)] == [{2: 1}] * 3
    with pytest.raises(ValueError, match="numbers 1 to 230"):
        salt.orbits_of(231)


@pytest.mark.parametrize("text", ["{}", "[]", "nonsense", '{"format": 1}', '{"format": 99}'])
def test_what_is_no_statistics(text):
    with pytest.raises(DataError, match="compute them again"):
        WyckoffStatistics.from_json(text)


@pytest.mark.real_data
def test_real_crystals_come_back(real_data):
    crystals = CrystalDataset.load("perov_5", "val", root=real_data)
    chosen = crystals.subset(range(0, len(crystals), len(crystals) // 40))
    units = WyckoffDataset.from_crystals(chosen)
    matcher = StructureMatcher()
    for i, structure in enumerate(to_structures(units.batch(range(len(units))).expand())):
        assert matcher.fit(structure, chosen.structure(i)), chosen.ids[i]

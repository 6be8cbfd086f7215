import itertools
import warnings

import numpy as np
import pytest
import torch
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.data import CrystalDataset, Reject, Statistics, read_structures
from epitaxy.data._cells import to_cell
from epitaxy.data._crystal import from_structure
from epitaxy.data._csv import scan
from epitaxy.data.registry import DATASETS

pytestmark = pytest.mark.real_data


@pytest.mark.parametrize("name", ["perov_5", "carbon_24", "carbon_24_unique", "mp_20", "mpts_52"])
def test_a_sample_is_read_and_reduced_as_pymatgen_does(real_data, name):
    path = real_data / name / "test.csv.gz"
    table = scan(path)
    assert table.rows == DATASETS[name].counts["test"]
    rows = list(itertools.islice(table.records(), 0, 400, 16))
    found = {r.id: r for r in itertools.islice(read_structures(path), 400)}
    for row in rows:
        record, text = found[row.id], row.payload
        assert not isinstance(record, Reject)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = Structure.from_str(text, fmt="cif")
        assert record.structure.atomic_numbers == expected.atomic_numbers
        np.testing.assert_allclose(record.structure.frac_coords, expected.frac_coords, atol=1e-12)
        np.testing.assert_allclose(record.structure.lattice.matrix, expected.lattice.matrix, atol=1e-10)
        reduced, ours = expected.get_reduced_structure(), to_cell(from_structure(expected), "niggli")
        np.testing.assert_allclose(Lattice(ours.lattice).abc, reduced.lattice.abc, atol=1e-3)
        distances = (np.sort(s.distance_matrix.ravel()) for s in (reduced, ours.structure()))
        np.testing.assert_allclose(*distances, atol=1e-4)


def test_no_record_of_a_small_split_is_lost(real_data):
    dataset = CrystalDataset.load("carbon_24_unique", "val", root=real_data)
    assert len(dataset) == DATASETS["carbon_24_unique"].counts["val"]
    assert dataset.prepared is not None
    assert dataset.prepared.rejects == 0
    assert bool(((dataset.positions >= 0) & (dataset.positions < 1)).all())
    statistics = Statistics.of(dataset)
    assert statistics.vocabulary.symbols == ("C",)
    assert 0 < statistics.properties["energy_per_atom"].known <= len(dataset)
    batch = dataset.batch(range(100))
    assert batch.positions.dtype == torch.float32

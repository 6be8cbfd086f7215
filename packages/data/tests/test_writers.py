import errno
import warnings

import ase.io
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pymatgen.core.structure import Structure

from epitaxy.data import Record, read_structures, to_structures, write_cifs, write_extxyz
from epitaxy.data._atomic import replacing
from epitaxy.data._crystal import check, from_structure
from epitaxy.data.errors import UnusableRecordError
from epitaxy.geometry.testing import crystal_batches

WORDS = st.one_of(
    st.sampled_from(
        [
            "000012",
            "1e5",
            "T",
            "F",
            "false",
            "1 2 3",
            "T F",
            "nan",
            "I2",
            'a "quoted" b',
            "a=b",
            "Fm-3m",
            "\\",
            "\\0",
            'x\\"y',
        ]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8),
)


def usable(structures: list[Structure]) -> bool:
    try:
        for structure in structures:
            check(from_structure(structure), max_atoms=256)
    except UnusableRecordError:
        return False
    return True


def same(first: Structure, second: Structure, atol: float) -> None:
    assert first.atomic_numbers == second.atomic_numbers
    np.testing.assert_allclose(first.lattice.matrix, second.lattice.matrix, atol=atol)
    difference = first.frac_coords - second.frac_coords
    assert np.abs((difference - np.round(difference)) @ first.lattice.matrix).max() < atol


@given(crystal_batches(dtype=torch.float64), WORDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_extxyz_is_read_back(tmp_path, batch, word):
    structures = to_structures(batch)
    assume(usable(structures))
    path = tmp_path / "s.extxyz"
    infos = [
        {"id": f"{i}-{word}", "formula": word, "seed": i, "energy": -0.5 * i} for i in range(len(structures))
    ]
    write_extxyz(path, structures, infos)
    frames = ase.io.read(path, index=":")
    for structure, info, frame in zip(structures, infos, frames, strict=True):
        found = dict(frame.info) | (dict(frame.calc.results) if frame.calc is not None else {})
        assert {key: found[key] for key in info} == info
        np.testing.assert_allclose(frame.get_positions(), structure.cart_coords, atol=1e-7)
    for structure, record, info in zip(structures, read_structures(path), infos, strict=True):
        assert isinstance(record, Record)
        assert record.id == info["id"]
        same(structure, record.structure, atol=1e-6)


def test_cifs_are_numbered_and_read_back(tmp_path, rocksalt):
    seen = []
    paths = write_cifs(
        tmp_path / "cif", [rocksalt] * 3, progress=lambda done, total: seen.append((done, total))
    )
    assert [p.name for p in paths] == ["000000.cif", "000001.cif", "000002.cif"]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Structure.from_file(paths[2])
    np.testing.assert_allclose(found.distance_matrix, rocksalt.distance_matrix, atol=1e-6)
    assert sorted(p.name for p in (tmp_path / "cif").iterdir()) == [p.name for p in paths]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, rocksalt):
    path = tmp_path / "s.extxyz"
    write_extxyz(path, [rocksalt])
    before = path.read_text()
    with pytest.raises(ValueError):
        write_extxyz(path, [rocksalt, rocksalt], [{"id": "only one"}])
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_says_what_was_being_written(tmp_path):
    def written(error):
        with replacing(tmp_path / "x"):
            raise error

    full, elsewhere = OSError(errno.ENOSPC, "full"), FileNotFoundError(errno.ENOENT, "gone", "other")
    with pytest.raises(OSError, match="full"):
        written(full)
    with pytest.raises(FileNotFoundError):
        written(elsewhere)
    assert (full.filename, elsewhere.filename) == (str(tmp_path / "x"), "other")
    assert list(tmp_path.iterdir()) == []

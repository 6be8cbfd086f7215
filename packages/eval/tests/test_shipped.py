"""Fingerprints that come with the package are those that would be computed."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from epitaxy.eval.fingerprints import compute, fingerprint, shipped, structure_fingerprint
from epitaxy.eval.resumable import structure_key

ROCKSALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def test_what_is_known_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    other = ROCKSALT.copy()
    other.translate_sites([0], [1e-9, 0, 0])
    known = {structure_key(ROCKSALT): [0.5] * 61}
    monkeypatch.setattr(
        compute, "shipped_fingerprints", lambda keys: {key: known[key] for key in keys if key in known}
    )
    found = fingerprint({"known": ROCKSALT, "none": None, "moved": other})
    assert found.ids == ("known", "none", "moved")
    assert (found.structure[0] == 0.5).all()
    assert list(found.failures) == ["none"]
    assert np.allclose(found.structure[2], structure_fingerprint(other))
    assert np.allclose(found.composition[0], found.composition[2])  # of the composition, shipped or not


def test_the_file_is_small_and_whole() -> None:
    place, rows = shipped._table()
    if not place:
        pytest.skip("no fingerprints come with this checkout")
    assert len(place) == len(rows)
    assert all(len(key) == 32 for key in place)
    assert np.isfinite(rows).all()


@pytest.mark.real_data
def test_what_is_shipped_is_what_would_be_computed() -> None:
    apps = pytest.importorskip("epitaxy.apps.evaluation.crystals")
    crystals = list(apps.known_crystals("perov_5", "test", None).values())[:40]
    known = shipped.shipped_fingerprints([structure_key(crystal) for crystal in crystals])
    if not known:
        pytest.skip("no fingerprints come with this checkout")
    for crystal in [c for c in crystals if structure_key(c) in known][:3]:
        expected = structure_fingerprint(crystal)
        assert np.allclose(known[structure_key(crystal)], expected, atol=1e-6)

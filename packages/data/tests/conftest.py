"""Every test has a cache of its own; real data are used where EPITAXY_DATA names them."""

import os
from pathlib import Path

import hypothesis
import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

hypothesis.settings.register_profile("epitaxy", deadline=None, max_examples=25, derandomize=True)
hypothesis.settings.load_profile("epitaxy")

REAL_DATA = os.environ.get("EPITAXY_DATA")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPITAXY_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("EPITAXY_DATA", raising=False)


@pytest.fixture(scope="session")
def embedded_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests, and workers, that prepare the embedded datasets, which takes 15 s."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "embedded"


@pytest.fixture
def real_data() -> Path:
    if REAL_DATA is None:
        pytest.skip("EPITAXY_DATA is not set: no real data to test on")
    return Path(REAL_DATA)


@pytest.fixture(scope="session")
def rocksalt() -> Structure:
    """The primitive cell of NaCl."""
    whole = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    return whole.get_primitive_structure()


@pytest.fixture(scope="session")
def rocksalt_cif(rocksalt: Structure) -> str:
    return str(rocksalt.to(fmt="cif"))

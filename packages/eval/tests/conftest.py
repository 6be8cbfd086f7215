import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

settings.register_profile(
    "eval", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], max_examples=50
)
settings.load_profile("eval")


@pytest.fixture(scope="session")
def perovskite() -> Structure:
    return Structure(
        Lattice.cubic(3.905),
        ["Sr", "Ti", "O", "O", "O"],
        [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
    )


@pytest.fixture(scope="session")
def rutile() -> Structure:
    lattice = Lattice.tetragonal(4.594, 2.959)
    return Structure.from_spacegroup("P4_2/mnm", lattice, ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]])


@pytest.fixture(scope="session")
def skewed() -> Structure:
    """A triclinic crystal without any symmetry."""
    rng = np.random.default_rng(7)
    lattice = Lattice.from_parameters(4.1, 5.2, 6.3, 80, 95, 103)
    return Structure(lattice, ["K", "Mn", "F", "F", "F"], rng.uniform(size=(5, 3)))


@pytest.fixture(scope="session")
def crystals(perovskite, rutile, skewed) -> dict[str, Structure]:
    return {"perovskite": perovskite, "rutile": rutile, "skewed": skewed}


@pytest.fixture(scope="session")
def data_root() -> Path:
    root = os.environ.get("EPITAXY_DATA")
    if root is None:
        pytest.skip("EPITAXY_DATA is not set")
    return Path(root)

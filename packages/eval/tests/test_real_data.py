import numpy as np
import pandas as pd
import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.eval import compositional_validity, match_csp, structural_validity

pytestmark = pytest.mark.real_data


def cifs(root, dataset):
    return pd.read_csv(root / dataset / "test.csv.gz").cif


# Ground truth under CDVAE's rule; the first and last as computed independently with smact 2.2.1.
@pytest.mark.parametrize(("dataset", "percent"), [("perov_5", 98.6), ("mp_20", 91.2), ("mpts_52", 91.3)])
def test_smact_validity_of_the_ground_truth(data_root, dataset, percent):
    formulas = cifs(data_root, dataset).str.extract(r"_chemical_formula_sum\s+'?([^'\n]+)")[0]
    rate = np.mean([bool(compositional_validity(formula)) for formula in formulas])
    assert round(100 * rate, 1) == percent


def test_real_crystals_are_valid_and_match_a_disturbed_copy(data_root):
    rng = np.random.default_rng(0)
    sample = cifs(data_root, "perov_5").sample(40, random_state=0)
    references = {str(n): Structure.from_str(cif, fmt="cif") for n, cif in sample.items()}
    assert all(structural_validity(structure) for structure in references.values())
    predictions = {name: [disturbed(structure, rng)] for name, structure in references.items()}
    result = match_csp(predictions, references, protocol="crysbfn")
    assert result.match_rate() == 1
    assert 0.005 < result.rmse() < 0.05


def disturbed(structure: Structure, rng: np.random.Generator) -> Structure:
    """Strained by about 1 % and its atoms moved by about 0.05 A."""
    strain = np.eye(3) + 0.01 * rng.normal(size=(3, 3))
    moved = structure.frac_coords + 0.012 * rng.normal(size=(len(structure), 3))
    return Structure(Lattice(structure.lattice.matrix @ strain), structure.species, moved)

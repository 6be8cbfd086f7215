"""Write the frozen tables of ``epitaxy.eval.fingerprints``.

Published coverages rest on them, so they never change once written. This script says where they came from and
lets anyone check it; matminer 0.10.1 asks for pandas 2, so give it an environment of its own::

    python -m venv /tmp/matminer && /tmp/matminer/bin/pip install matminer==0.10.1 pymatgen==2026.10.24
    /tmp/matminer/bin/python packages/eval/scripts/freeze_fingerprint_tables.py

``magpie.json`` and ``ops_motifs.json`` are data of matminer (modified BSD licence, copyright (c) 2015, The
Regents of the University of California, through Lawrence Berkeley National Laboratory), with pymatgen's
default order parameters (MIT licence). The Magpie table is that of Ward et al., npj Comput. Mater. 2, 16028
(2016). Unknown entries stay unknown here: the published figures predate matminer's imputation.
Table and motifs are the same in matminer 0.7.3, of the papers' time.

``coverage_constants.json`` is not written here: it holds the means and standard deviations with which CDVAE
(arXiv:2110.06197) and its successors standardise, as published, and their cut-offs.

Run with a folder as its argument it also writes ``matminer.json`` there: fingerprints by matminer itself of
crystals that are named in it, for the tests.
"""

import json
import math
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

from matminer.featurizers.composition import ElementProperty
from matminer.featurizers.site.fingerprint import CrystalNNFingerprint, load_cn_motif_op_params
from matminer.utils.data import MagpieData
from pymatgen.core import Composition, Element, Lattice, Structure
from pymatgen.core.local_env import DEFAULT_OP_PARAMS

TABLES = Path(__file__).parents[1] / "src/epitaxy/eval/fingerprints"
SOURCE = f"matminer {version('matminer')}, pymatgen {version('pymatgen')}"


def magpie() -> dict[str, object]:
    """Read the 22 properties of the "magpie" preset for every element."""
    data, properties = MagpieData(impute_nan=False), ElementProperty.from_preset("magpie").features
    elements = [Element.from_Z(number) for number in range(1, 119)]
    rows = {e.symbol: [data.get_elemental_property(e, name) for name in properties] for e in elements}
    unknown_as_null = {
        symbol: [None if math.isnan(value) else value for value in row] for symbol, row in rows.items()
    }
    return {"source": SOURCE, "properties": properties, "elements": unknown_as_null}


def ops_motifs() -> dict[str, object]:
    """Read the motifs of the "ops" preset with the order parameter that scores each."""
    types, special = CrystalNNFingerprint.from_preset("ops").op_types, load_cn_motif_op_params()
    motifs = []
    for neighbours in sorted(types):
        for name in types[neighbours]:
            if name == "wt":
                continue
            kind, *parameters = special.get(neighbours, {}).get(name, [name])
            chosen = (parameters[0] if parameters else DEFAULT_OP_PARAMS[kind]) or {}
            motifs.append(
                {
                    "neighbours": neighbours,
                    "name": name,
                    "kind": kind,
                    "parameters": {str(key): float(value) for key, value in chosen.items()},
                }
            )
    return {"source": SOURCE, "motifs": motifs}


def crystals() -> dict[str, Structure]:
    """Make known crystals and one without symmetry."""
    cubic = Lattice.cubic
    space_group = Structure.from_spacegroup
    rutile = Lattice.tetragonal(4.594, 2.959)
    triclinic = Lattice.from_parameters(4.1, 5.2, 6.3, 80, 95, 103)
    skewed = [[0.1, 0.2, 0.05], [0.55, 0.61, 0.47], [0.9, 0.35, 0.71], [0.33, 0.8, 0.22], [0.72, 0.05, 0.5]]
    return {
        "rocksalt": space_group("Fm-3m", cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        "caesium chloride": space_group("Pm-3m", cubic(4.12), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        "zincblende": space_group("F-43m", cubic(5.41), ["Zn", "S"], [[0, 0, 0], [0.25, 0.25, 0.25]]),
        "copper": space_group("Fm-3m", cubic(3.61), ["Cu"], [[0, 0, 0]]),
        "rutile": space_group("P4_2/mnm", rutile, ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]),
        "skewed": Structure(triclinic, ["K", "Mn", "F", "F", "F"], skewed),
    }


def references() -> dict[str, object]:
    """Fingerprint the crystals, and some compositions, with matminer."""
    site = CrystalNNFingerprint.from_preset("ops")
    magpie_features = ElementProperty.from_preset("magpie", impute_nan=False)
    named = {}
    for name, crystal in crystals().items():
        sites = [site.featurize(crystal, n) for n in range(len(crystal))]
        mean = [sum(column) / len(sites) for column in zip(*sites, strict=True)]
        named[name] = {"structure": crystal.as_dict(), "fingerprint": mean}
    formulas = ("SrTiO3", "NaCl", "Fe", "LiFePO4", "Pu2O3", "HoNiC2", "XeF4", "AcRaH")
    return {
        "source": SOURCE,
        "structure_labels": site.feature_labels(),
        "composition_labels": magpie_features.feature_labels(),
        "crystals": named,
        "compositions": {
            f: [None if math.isnan(v) else float(v) for v in magpie_features.featurize(Composition(f))]
            for f in formulas
        },
    }


def write(path: Path, table: dict[str, object]) -> None:
    """Write a table as JSON, a row a line."""
    text = json.dumps(table, indent=1)
    path.write_text(text + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    write(TABLES / "magpie.json", magpie())
    write(TABLES / "ops_motifs.json", ops_motifs())
    if len(sys.argv) > 1:
        write(Path(sys.argv[1]) / "matminer.json", references())

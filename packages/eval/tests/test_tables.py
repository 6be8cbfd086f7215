import importlib.util
import json
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core.composition import Composition

from epitaxy.eval import TABLE_NAMES, compositional_validity, oxidation_table

smact = pytest.importorskip("smact")

TABLES = Path(str(files("epitaxy.eval"))) / "validity" / "tables"  # as installed, wherever that is
SCRIPT = Path(__file__).parents[1] / "scripts/freeze_oxidation_tables.py"
CORRECTED = {"Ir", "Zr"}  # the entries that smact corrected after 2.2.1


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("freeze_oxidation_tables", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_a_table_is_what_its_file_says(name, script):
    path = TABLES / f"{name}.json"
    raw = json.loads(path.read_text())
    assert script.dump(raw) == path.read_text()
    assert oxidation_table(name).name == name
    assert len(oxidation_table(name).metals) == 79


def test_icsd24_is_regenerated_by_the_release_it_names(script):
    if version("smact") not in oxidation_table("icsd24").source:
        pytest.skip(f"frozen from another release than smact {version('smact')}")
    assert script.dump(script.icsd24()) == (TABLES / "icsd24.json").read_text()


def test_smact14_differs_from_todays_only_where_smact_was_corrected():
    table, elements = oxidation_table("smact14"), smact.element_dictionary()
    states = {
        s
        for s, e in elements.items()
        if tuple(e.oxidation_states_smact14 or ()) != table.oxidation_states.get(s, ())
    }
    negativities = {s for s, e in elements.items() if e.pauling_eneg != table.electronegativities.get(s)}
    assert (states, negativities) == ({"Ir"}, {"Zr"})
    assert table.oxidation_states["Ir"][0] == -2
    assert table.electronegativities["Zr"] == 0.33
    assert table.metals == set(smact.metals)


def test_the_elements_without_electronegativity():
    table = oxidation_table("smact14")
    known = set(smact.element_dictionary())
    assert {s for s in table.oxidation_states if s not in table.electronegativities} & known == {
        "Pm",
        "Rn",
        "Lr",
    }


# smact lets a composition with an unknown electronegativity fail; the rule lets it pass.
COMMON = sorted(set(oxidation_table("icsd24").oxidation_states) - CORRECTED - {"Pm", "Rn", "Lr"})


@pytest.mark.parametrize(("ours", "theirs"), [("smact14", "smact14"), ("icsd24", None)])
@given(st.dictionaries(st.sampled_from(COMMON), st.integers(1, 8), min_size=1, max_size=4))
def test_agrees_with_smact(ours, theirs, amounts):
    from smact.screening import smact_validity

    composition = Composition(amounts)
    expected = smact_validity(composition, oxidation_states_set=theirs)
    assert bool(compositional_validity(composition, table=ours)) == expected

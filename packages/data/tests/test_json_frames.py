"""Tables in JSON, in every form of pandas; and what stands beside a structure is held to it."""

import copy
import json

import pandas as pd
import pytest

from epitaxy.data import DataError, Record, Reject, read_structures

SALT = {
    "lattice": {"matrix": [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]]},
    "sites": [
        {"species": [{"element": "Na", "occu": 1}], "abc": [0, 0, 0]},
        {"species": [{"element": "Cl", "occu": 1}], "abc": [0.5, 0.5, 0.5]},
    ],
}
JARVIS = {
    "lattice_mat": SALT["lattice"]["matrix"],
    "coords": [[0, 0, 0], [0.5, 0.5, 0.5]],
    "elements": ["Na", "Cl"],
}
OPTIMADE = {
    "id": "one",
    "type": "structures",
    "attributes": {
        "lattice_vectors": [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]],
        "cartesian_site_positions": [[0, 0, 0], [2, 2, 2]],
        "species_at_sites": ["Na", "Cl"],
        "elements": ["Cl", "Na"],
    },
}


def read(folder, content, name: str = "a.json"):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return list(read_structures(path))


@pytest.mark.parametrize("orient", ["records", "index", "columns", "split", "table"])
@pytest.mark.parametrize("index", [None, "material_id", [3, 7]])
def test_every_form_of_a_frame_has_its_ids_and_numbers(tmp_path, orient, index):
    frame = pd.DataFrame({"material_id": ["mp-1", "mp-2"], "structure": [SALT, SALT], "gap": [1.5, 2.5]})
    if isinstance(index, str):
        frame = frame.set_index(index)
    elif index is not None:
        frame.index = index
    found = read(tmp_path, frame.to_json(orient=orient))
    assert [one.properties.get("gap") for one in found] == [1.5, 2.5]
    if index != "material_id" or orient != "records":  # records have no index
        assert [one.id for one in found] == ["mp-1", "mp-2"]


def test_a_frame_by_lists(tmp_path):
    found = read(tmp_path, {"id": ["a", "b"], "structure": [SALT, SALT], "gap": [1, None]})
    assert [one.id for one in found] == ["a", "b"]
    with pytest.raises(DataError, match="columns of different lengths"):
        read(tmp_path, {"id": ["a"], "structure": [SALT, SALT]})
    one = json.dumps(SALT)
    for twice in (
        f'{{"structure": [{one}], "gap": [1], "gap": [2]}}',
        f'{{"structure": {{"a": {one}}}, "gap": {{"a": 1}}, "gap": {{"a": 2}}}}',
        f'{{"structure": {{"a": {one}, "a": {one}}}, "gap": {{"a": 1}}}}',
    ):
        with pytest.raises(DataError, match="of one name"):
            read(tmp_path, twice)


def test_rows_that_are_counted_keep_the_ids_they_hold(tmp_path):
    counted = {
        "0": {"material_id": "mp-1", "structure": SALT},
        "1": {"material_id": "mp-2", "structure": SALT},
    }
    assert [one.id for one in read(tmp_path, counted)] == ["mp-1", "mp-2"]
    for key, name in (("7", "mp-1"), ("seven", "seven")):
        (found,) = read(tmp_path, {key: {"material_id": "mp-1", "structure": SALT}})
        assert found.id == name
    assert [one.id for one in read(tmp_path, {"0": SALT, "1": SALT})] == ["0", "1"]


def test_rows_without_names_say_how_to_write_them(tmp_path):
    (found,) = read(tmp_path, [["mp-1", SALT]])
    assert isinstance(found, Reject)
    assert "orient='records'" in found.reason


def test_what_heads_lines_of_optimade_is_no_failure(tmp_path):
    heads = [{"x-optimade": {"api_version": "1.1.0"}}, {"type": "info", "id": "structures", "properties": {}}]
    found = read(tmp_path, "\n".join(map(json.dumps, [*heads, OPTIMADE])), "a.jsonl")
    assert [(type(one), one.id) for one in found] == [(Record, "one")]


def changed(value, **changes):
    value = copy.deepcopy(value)
    value.update(changes)
    return value


def entry(**attributes):
    return changed(OPTIMADE, attributes={**OPTIMADE["attributes"], **attributes})


ENTRY = {"@class": "ComputedStructureEntry", "energy": -3.4, "structure": SALT}
ANGLED = changed(SALT, lattice={**SALT["lattice"], "alpha": 60.0, "beta": 90.0, "gamma": 90.0})
CHLORINE, NONE = {"element": "Cl", "occu": 1}, {"element": "Br", "occu": 0.0}


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (changed(ENTRY, composition={"Na": 1, "Cl": 1}), ""),
        (changed(ENTRY, composition={"Na": 4.0, "Cl": 4.0}), ""),
        (changed(ENTRY, composition="NaCl2"), ""),
        (changed(ENTRY, composition={"Na": 2, "Cl": 1}), "its composition is"),
        (ANGLED, "alpha = 60"),
        ({"atoms": changed(JARVIS, angles=[90, 90, 90])}, ""),
        ({"atoms": changed(JARVIS, angles=[90, 90, 60])}, "gamma = 60"),
        (entry(elements_ratios=[0.5, 0.5]), ""),
        (entry(elements_ratios=[0.25, 0.75]), "its elements_ratios"),
        (changed(SALT, sites=[SALT["sites"][0], changed(SALT["sites"][1], species=[CHLORINE, NONE])]), ""),
    ],
)  # fmt: skip
def test_what_is_said_of_a_structure_is_true_of_it(tmp_path, one, reason):
    (found,) = read(tmp_path, [one])
    assert isinstance(found, Reject if reason else Record)
    assert not reason or reason in found.reason

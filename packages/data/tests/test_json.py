"""JSON as others write it, and arrays that do not belong together."""

import json

import pytest

from epitaxy.data import DataError, Record, Reject, read_structures


def read(path, content, **words):
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return list(read_structures(path, **words))


@pytest.fixture
def plain(rocksalt):
    return rocksalt.as_dict()


@pytest.fixture
def optimade(rocksalt):
    names = [site.specie.symbol for site in rocksalt]
    return {
        "id": "x-1",
        "type": "structures",
        "attributes": {
            "lattice_vectors": rocksalt.lattice.matrix.tolist(),
            "cartesian_site_positions": rocksalt.cart_coords.tolist(),
            "species_at_sites": names,
            "species": [{"name": n, "chemical_symbols": [n], "concentration": [1.0]} for n in names],
            "dimension_types": [1, 1, 1],
            "nsites": 2,
        },
    }


@pytest.fixture
def jarvis(rocksalt):
    return {
        "jid": "JVASP-1",
        "optb88vdw_bandgap": 5.0,
        "mbj_bandgap": "na",
        "atoms": {
            "lattice_mat": rocksalt.lattice.matrix.tolist(),
            "coords": rocksalt.frac_coords.tolist(),
            "elements": [site.specie.symbol for site in rocksalt],
            "cartesian": False,
        },
    }


def test_forms_of_other_programs(tmp_path, plain, rocksalt, optimade, jarvis):
    entry = {"@class": "ComputedStructureEntry", "entry_id": "mp-1", "energy": -3.0, "structure": plain}
    forms = {
        "mp-1 energy": entry,
        "x-1 nsites": {"data": [optimade]},
        "JVASP-1 optb88vdw_bandgap": [jarvis],
        "a e": {"columns": ["id", "structure", "e"], "index": [0], "data": [["a", plain, 1]]},
        "7 e": {"columns": ["structure", "e"], "index": [7], "data": [[plain, 1]]},
        "b e": {"structure": {"b": plain}, "e": {"b": 1}},
        "c e": {"schema": {}, "data": [{"id": "c", "structure": json.dumps(plain), "e": 1}]},
        "d e": {"d": {"structure": plain, "e": 1}},
        "f e": [{"id": "f", "cif": rocksalt.to(fmt="cif"), "e": 1}],
    }
    for expected, content in forms.items():
        name, value = expected.split()
        (found,) = read(tmp_path / "s.json", content)
        assert isinstance(found, Record), (expected, found)
        assert found.id == name
        assert list(found.properties) == [value]
        assert found.structure.matches(rocksalt)
    cartesian = jarvis["atoms"] | {"coords": rocksalt.cart_coords.tolist(), "cartesian": True}
    (found,) = read(tmp_path / "s.json", [jarvis | {"atoms": cartesian}])
    assert found.structure.matches(rocksalt)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(tmp_path, plain, encoding):
    (found,) = read(tmp_path / "s.json", json.dumps([plain]).encode(encoding))
    assert isinstance(found, Record)


@pytest.mark.parametrize("name", ["s.ndjson", "s.jsonl", "s.json"])
def test_lines_by_any_name(tmp_path, plain, name):
    lines = [json.dumps({"id": i, "structure": plain}) for i in range(3)]
    lines[1] = "{broken"
    found = read(tmp_path / name, "\n".join(lines).encode() + b'\n{"id": "M\xfcller"}\n')
    assert [type(r) for r in found] == [Record, Reject, Record, Reject]


def test_a_key_that_stands_twice_loses_nothing_in_silence(tmp_path, plain):
    text = json.dumps(plain)
    first, second = read(tmp_path / "s.json", f'{{"mp-1": {text}, "mp-1": {text}}}'.encode())
    assert isinstance(first, Record)
    assert "used before" in second.reason
    (found,) = read(tmp_path / "s.json", f'[{{"structure": {text}, "structure": {text}}}]'.encode())
    assert "the key 'structure' twice" in found.reason


def damaged(plain, change):
    copy = json.loads(json.dumps(plain))
    change(copy)
    return copy


FAULTS = {
    "six coordinates": (lambda s: s["sites"][0].update(abc=[0, 0, 0, 0.5, 0.5, 0.5]), "not three numbers"),
    "two coordinates": (lambda s: s["sites"][0].update(abc=[0, 0]), "not three numbers"),
    "words": (lambda s: s["sites"][0].update(abc=["0", "0", "0"]), "not three numbers"),
    "truth": (lambda s: s["sites"][0].update(abc=[True, 0, 0]), "not three numbers"),
    "nested": (lambda s: s["sites"][0].update(abc=[[0], [0], [0]]), "not three numbers"),
    "nine in a row": (lambda s: s["lattice"].update(matrix=[4, 0, 0, 0, 4, 0, 0, 0, 4]), "not three numbers"),
    "two vectors": (lambda s: s["lattice"].update(matrix=[[4, 0, 0], [0, 4, 0]]), "2 vectors"),
    "text for a lattice": (lambda s: s.update(lattice="cubic"), "incomplete"),
    "not finite": (lambda s: s["sites"][0].update(abc=[float("nan"), 0, 0]), "finite"),
    "no angle": (lambda s: (s["lattice"].pop("matrix"), s["lattice"].update(gamma=0)), "angle"),
    "an occupancy that is none": (lambda s: s["sites"][0]["species"][0].update(occu=float("nan")), "partial"),
    "sites that are none": (lambda s: s.update(sites={"a": 1}), "incomplete"),
    "a number of thousands of digits": (lambda s: s["sites"][0].update(abc=[10**400, 0, 0]), "finite"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_bad_structure_names_itself_and_shifts_no_other(tmp_path, plain, rocksalt, name):
    change, reason = FAULTS[name]
    content = [{"id": str(i), "structure": plain} for i in range(5)]
    content[2]["structure"] = damaged(plain, change)
    found = read(tmp_path / "s.json", content)
    assert [r.id for r in found] == list("01234")
    assert [isinstance(r, Reject) for r in found] == [False, False, True, False, False]
    assert reason in found[2].reason
    assert all(r.structure == rocksalt for r in found if isinstance(r, Record))


def test_a_large_number_beside_a_structure_is_missing(tmp_path, plain):
    text = json.dumps([{"id": "a", "structure": plain, "e": 0}]).replace('"e": 0', f'"e": {"1" * 5000}')
    notes: list[str] = []
    (found,) = read(tmp_path / "s.json", text.encode(), notes=notes)
    assert isinstance(found, Record)
    assert notes == ["e: 1 values are not finite and count as missing"]


@pytest.mark.parametrize("content", [b"[" * 10**5, b'{"a":' * 10**5, b"[1, 2", b"<html>", b"[] []"])
def test_what_is_no_json_is_one_sentence(tmp_path, content):
    with pytest.raises(DataError, match=r"nested|no complete JSON|web page") as caught:
        read(tmp_path / "s.json", content)
    assert "\n" not in str(caught.value)


def test_one_page_of_several_is_said(tmp_path, optimade):
    notes: list[str] = []
    read(tmp_path / "s.json", {"data": [optimade], "links": {"next": "http://x"}}, notes=notes)
    assert "one page of several" in notes[0]

"""JSON as others write it, and arrays that do not belong together."""

import json

import pytest
from ase import Atoms
from ase.db import connect
from ase.io.jsonio import encode

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


@pytest.fixture
def oqmd():
    """Rock salt as OQMD's API answers: lattice vectors, sites in fractions with three digits."""
    return {
        "name": "NaCl",
        "entry_id": 4061139,
        "icsd_id": None,
        "composition": "Cl1 Na1",
        "composition_generic": "AB",
        "prototype": "NaCl",
        "spacegroup": "Fm-3m",
        "volume": 64.0,
        "ntypes": 2,
        "natoms": 2,
        "unit_cell": [[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]],
        "sites": ["Na @ 0 0 0", "Cl @ 0.5 0.5 0.5"],
        "band_gap": 5.0,
        "delta_e": -1.9,
        "fit": "standard",
    }


def answer(*entries, following=None):
    links = {"next": following, "previous": None, "base_url": {"href": "x", "meta": {"_oqmd_version": "1.0"}}}
    return {
        "links": links,
        "resource": {},
        "data": list(entries),
        "meta": {"api_version": "1.0", "data_returned": len(entries), "more_data_available": bool(following)},
        "response_message": "OK",
    }


def test_what_oqmd_answers_is_read(tmp_path, oqmd):
    (found,) = read(tmp_path / "s.json", answer(oqmd))
    assert isinstance(found, Record)
    assert found.id == "4061139"
    assert found.structure.composition.reduced_formula == "NaCl"
    assert found.structure.lattice.abc == (4.0, 4.0, 4.0)
    assert found.structure.distance_matrix[0, 1] == pytest.approx(12**0.5)
    wanted = {"delta_e": -1.9, "band_gap": 5.0, "volume": 64.0, "ntypes": 2.0, "natoms": 2.0}
    assert found.properties == wanted
    slanted = [[0.0, 2.0, 2.0], [2.0, 0.0, 2.0], [2.0, 2.0, 0.5]]
    bare = {"entry_id": 1, "unit_cell": slanted, "sites": ["Na @ 0 0 0", "Cl @ 0.5 0.25 -1e-3"]}
    (found,) = read(tmp_path / "s.jsonl", json.dumps(bare).encode())
    assert found.structure.lattice.matrix.tolist() == slanted
    assert found.structure.frac_coords[1] % 1.0 == pytest.approx([0.5, 0.25, 0.999])
    notes: list[str] = []
    read(tmp_path / "s.json", answer(oqmd, following="http"), notes=notes)
    assert ["one page of several" in note for note in notes] == [True]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sites": None}, "fields=name,entry_id,unit_cell,sites"),
        ({"unit_cell": None}, "fields=name,entry_id,unit_cell,sites"),
        ({"sites": ["Na @ 0 0 0", "Cl @ 0.5 0.5"]}, "'Cl @ 0.5 0.5' is not as 'Fe @ 0 0 0.5'"),
        ({"sites": ["Na @ 0 0 0", 7]}, "'7' is not as"),
        ({"sites": ["Na @ 0 0 0", "Cl @ 0.5 0.5 nan"]}, "not a finite number"),
        ({"sites": ["Na @ 0 0 0", "(Cl,Br) @ 0.5 0.5 0.5"]}, "partial occupancies"),
        ({"sites": ["Na @ 0 0 0", "Vac @ 0.5 0.5 0.5"]}, "partial occupancies"),
        ({"sites": ["Na @ 0 0 0", "Xx @ 0.5 0.5 0.5"]}, "Xx"),
        ({"sites": ["Na @ 0 0 0"]}, "its name is NaCl"),
        ({"name": "cubic", "sites": ["Na @ 0 0 0"]}, "its composition is Cl1 Na1"),
        ({"ntypes": 3}, "its ntypes is 3"),
        ({"natoms": 3}, "its natoms is 3"),
        ({"volume": 40.0}, "its volume is 40.0"),
        ({"unit_cell": [[4, 0, 0], [0, 4, 0]]}, "2 vectors"),
    ],
)
def test_oqmd_that_contradicts_itself(tmp_path, oqmd, change, reason):
    bad, good = read(tmp_path / "s.json", answer({**oqmd, **change, "entry_id": 5}, oqmd))
    assert isinstance(bad, Reject)
    assert bad.id == "5"
    assert reason in bad.reason
    assert isinstance(good, Record)


def test_oqmd_without_structures_says_what_to_ask_for(tmp_path, oqmd):
    names = ("name", "entry_id", "spacegroup", "ntypes", "band_gap", "delta_e")
    (found,) = read(tmp_path / "s.json", answer({name: oqmd[name] for name in names}))
    assert isinstance(found, Reject)
    assert "ask its API for fields=name,entry_id,unit_cell,sites" in found.reason


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
    "pbc as text": (lambda s: s["lattice"].update(pbc="TTF"), "its pbc is TTF"),
    "pbc of words": (lambda s: s["lattice"].update(pbc=["True", "True", "False"]), "its pbc is"),
    "pbc of two": (lambda s: s["lattice"].update(pbc=[True, True]), "its pbc is"),
    "pbc null": (lambda s: s["lattice"].update(pbc=None), "its pbc is None"),
    "a slab": (lambda s: s["lattice"].update(pbc=[True, True, False]), "not periodic"),
    "another length": (lambda s: s["lattice"].update(a=9.0), "length a of 9"),
    "another volume": (lambda s: s["lattice"].update(volume=9.0), "volume of 9"),
    "another place": (lambda s: s["sites"][1].update(xyz=[1.0, 1.0, 1.0]), "site 2 has abc and xyz"),
    "no lattice": (lambda s: s.update(lattice=None), "incomplete: its lattice is None"),
    "text in a vector": (lambda s: s["lattice"].update(matrix=[["NaN", 0, 0]] * 3), "not three numbers"),
    "no number in a vector": (lambda s: s["lattice"].update(matrix=[[None, 0, 0]] * 3), "not three numbers"),
    "a negative length": (lambda s: (s["lattice"].pop("matrix"), s["lattice"].update(a=-4)), "the lengths"),
    "a truth for a length": (
        lambda s: (s["lattice"].pop("matrix"), s["lattice"].update(a=True)),
        "the lengths",
    ),
    "no length": (lambda s: (s["lattice"].pop("matrix"), s["lattice"].update(a=None)), "incomplete"),
    "tritium, or a tetrahedral site": (
        lambda s: s["sites"][0]["species"][0].update(element="T"),
        "element T",
    ),
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


ASE = Atoms("NaCl", [[0, 0, 0], [2, 2, 2]], cell=[4, 4, 4], pbc=True)


def test_what_ase_writes_is_read(tmp_path):
    database = connect(tmp_path / "db.json")
    database.write(ASE, gap=5.0)
    database.write(ASE, material_id="mp-1")
    first, second = read_structures(tmp_path / "db.json")
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert (first.id, first.properties, second.id) == ("1", {"gap": 5.0}, "2")
    for content in (encode(ASE).encode(), json.dumps([json.loads(encode(ASE))]).encode()):
        (found,) = read(tmp_path / "s.json", content)
        assert isinstance(found, Record)
        assert found.structure == first.structure == second.structure
    assert first.structure.formula == "Na1 Cl1"
    assert first.structure.frac_coords.tolist() == [[0, 0, 0], [0.5, 0.5, 0.5]]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('[3], "bool", [true, true, true]', '[3], "bool", [true, true, false]', "not periodic"),
        ("[11, 17]", "[11, 17, 8]", "of shape [2] has 3 numbers"),
        ("[[2]", "[[3]", "of shape [3] has 2 numbers"),
        ("[11, 17]", "[0, 17]", "not all atomic numbers"),
        ("[11, 17]", "[11.0, 17]", "not all atomic numbers"),
        ('"pbc"', '"pcb"', "not periodic"),
        (
            '"numbers": {"__ndarray__": [[2], "int64", [11, 17]]}',
            '"numbers": [11]',
            "2 positions for 1 elements",
        ),
        ('"cell"', '"sell"', "lattice vectors is missing"),
        ("[[3, 3]", "[[9]", "not three numbers"),
    ],
)
def test_what_ase_did_not_write_is_refused(tmp_path, old, new, reason):
    text = encode(ASE)
    assert old in text
    (found,) = read(tmp_path / "s.json", text.replace(old, new).encode())
    assert isinstance(found, Reject)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"nsites": 3}, "nsites is 3, and its sites give 2"),
        ({"elements": ["Cl", "K", "Na"]}, "its elements is"),
        ({"chemical_formula_reduced": "Cl2Na"}, "its chemical_formula_reduced is"),
        ({"structure_features": ["implicit_atoms"]}, "it has implicit_atoms"),
        ({"lattice_vectors": [[4, 0, 0], [0, 4, 0], [None] * 3]}, "lattice vector 3"),
        ({"dimension_types": [1, 1, 0]}, "not periodic"),
    ],
)
def test_optimade_that_contradicts_itself(tmp_path, optimade, change, reason):
    agreeing = {"nsites": 2, "elements": ["Cl", "Na"], "chemical_formula_reduced": "ClNa"}
    optimade["attributes"].update(agreeing)
    (found,) = read(tmp_path / "s.json", {"data": [optimade]})
    assert isinstance(found, Record)
    assert read(tmp_path / "s.json", optimade["attributes"])[0].structure == found.structure
    optimade["attributes"].update(change)
    (found,) = read(tmp_path / "s.json", {"data": [optimade]})
    assert reason in found.reason


def test_jarvis_that_contradicts_itself(tmp_path, jarvis, rocksalt):
    jarvis["atoms"]["abc"] = list(rocksalt.lattice.abc)
    assert isinstance(read(tmp_path / "s.json", [jarvis])[0], Record)
    jarvis["atoms"]["abc"][1] += 1
    assert "length b of" in read(tmp_path / "s.json", [jarvis])[0].reason


def test_one_element_in_two_states_is_one_atom(tmp_path, plain, rocksalt):
    states = [{"element": "Na", "occu": 0.5, "oxidation_state": n} for n in (1, 2)]
    plain["sites"][1]["species"] = states
    assert read(tmp_path / "s.json", [plain])[0].structure == rocksalt
    states[0]["occu"] = 0.4
    assert "partial" in read(tmp_path / "s.json", [plain])[0].reason


def test_lists_by_other_names(tmp_path, plain):
    pair = [{"id": i, "structure": plain} for i in "ab"]
    for content in ({"structures": pair}, {"meta": {}, "results": pair}):
        assert [r.id for r in read(tmp_path / "s.json", content)] == ["a", "b"]
    for text in (json.dumps(pair), json.dumps(pair, indent=1)):
        assert [type(r) for r in read(tmp_path / "s.jsonl", text.encode())] == [Record, Record]
    lines = ",\n".join(json.dumps(one) for one in pair) + ",\n"
    assert [type(r) for r in read(tmp_path / "s.jsonl", lines.encode())] == [Record, Record]
    cut = read(tmp_path / "s.ndjson", "\n".join(json.dumps(one) for one in pair).encode()[:-30])
    assert [type(r) for r in cut] == [Record, Reject]
    with pytest.raises(DataError, match=r"a server's message \(Not found\)"):
        read(tmp_path / "s.json", {"errors": [{"title": "Not found"}], "meta": {}})


def test_an_index_that_is_not_the_rows_is_refused(tmp_path, plain):
    frame = {"columns": ["structure"], "index": ["a"], "data": [[plain], [plain]]}
    with pytest.raises(DataError, match="an index of 1 entries for 2 rows"):
        read(tmp_path / "s.json", frame)

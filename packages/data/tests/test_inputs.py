"""Archives and JSON of structures, and cells that are large."""

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monty.json import MontyEncoder
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Molecule, Structure

from epitaxy.data import DataError, Record, Reject, read_structures, write_extxyz
from epitaxy.data._distances import near_pairs, overlapping_pair

ARCHIVES = ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz"]


def pack(path: Path, members: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return path
    kind = {".gz": "w:gz", ".tgz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w")
    with tarfile.open(path, kind) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_read_like_a_folder_and_written_nowhere(
    tmp_path, monkeypatch, rocksalt, rocksalt_cif, name
):
    cif, poscar = rocksalt_cif.encode(), rocksalt.to(fmt="poscar").encode()
    members = {
        "b.cif": cif,
        "/etc/absolute.cif": cif,
        "../../up.cif": cif.replace(b"\n", b"\r\n"),
        "deep/er/one.vasp": poscar,
        "x/POSCAR": poscar,
        "y/POSCAR": poscar,
        "broken.cif": cif[:-20],
        "latin.cif": b"\xff\xfe",
        "notes.txt": b"no structure",
        "__MACOSX/._b.cif": b"shadow",
    }
    folder = tmp_path / "sub" / "folder"
    folder.mkdir(parents=True)
    path = pack(folder / name, members)
    monkeypatch.chdir(folder)
    found = list(read_structures(path))
    ids = ["b", "absolute", "up", "one", "x-POSCAR", "y-POSCAR", "broken", "latin"]
    assert [r.id for r in found] == ids
    assert [r.id for r in found if isinstance(r, Reject)] == ["broken", "latin"]
    assert all(r.structure.reduced_formula == "NaCl" for r in found if isinstance(r, Record))
    assert [r.source for r in found if isinstance(r, Reject)] == [f"{path}: broken.cif", f"{path}: latin.cif"]
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_damaged_archive_is_one_clear_sentence(tmp_path, rocksalt_cif, name):
    rng = np.random.default_rng(0)
    content = rocksalt_cif.encode() + b"# " + rng.integers(97, 122, 50_000, dtype=np.uint8).tobytes()
    path = pack(tmp_path / name, {f"{n}.cif": content for n in range(3)})
    path.write_bytes(path.read_bytes()[: -len(content)])
    with pytest.raises(DataError, match=r"is no complete archive .*; fetch or copy it again") as caught:
        list(read_structures(path))
    assert "\n" not in str(caught.value)


def test_a_damaged_member_of_a_zip_costs_itself_alone(tmp_path, rocksalt_cif):
    path = pack(tmp_path / "a.zip", {f"{n}.cif": rocksalt_cif.encode() for n in range(3)})
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("1.cif").header_offset + 60
    content = bytearray(path.read_bytes())
    content[place] ^= 255
    path.write_bytes(content)
    found = list(read_structures(path))
    assert [isinstance(one, Record) for one in found] == [True, False, True]
    assert "it cannot be unpacked" in found[1].reason


@pytest.mark.parametrize("name", ARCHIVES)
def test_what_is_no_archive_and_what_holds_nothing(tmp_path, name):
    (tmp_path / name).write_bytes(b"hello")
    with pytest.raises(DataError, match="is no complete archive"):
        list(read_structures(tmp_path / name))
    with pytest.raises(DataError, match="holds no CIF or POSCAR file"):
        list(read_structures(pack(tmp_path / name, {"notes.txt": b""})))


def test_a_member_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch, rocksalt_cif):
    monkeypatch.setattr("epitaxy.data._archive.LARGEST_MEMBER", 5000)
    bomb, good = read_structures(
        pack(tmp_path / "a.zip", {"bomb.cif": b" " * 10**6, "good.cif": rocksalt_cif.encode()})
    )
    assert isinstance(bomb, Reject)
    assert "larger than" in bomb.reason
    assert isinstance(good, Record)


def as_file(path: Path, content: object) -> Path:
    text = json.dumps(content, cls=MontyEncoder)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["s.json", "s.json.gz"])
def test_json_in_every_form(tmp_path, rocksalt, name):
    plain, path = rocksalt.as_dict(), tmp_path / name
    bare = {key: value for key, value in plain.items() if not key.startswith("@")}
    forms = {
        ("item-1", "item-2"): [plain, rocksalt],
        ("item-1",): [rocksalt.to_json()],
        ("mp-1", "mp-2"): {"mp-1": bare, "mp-2": rocksalt},
        ("s",): rocksalt,
        ("mp-3", "7", "item-3"): [
            {"material_id": "mp-3", "structure": plain, "band_gap": 1.5, "stable": True},
            {"entry_id": 7, "structure": plain},
            {"structure": plain},
        ],
    }
    for ids, content in forms.items():
        found = list(read_structures(as_file(path, content)))
        assert tuple(r.id for r in found) == ids
        assert all(isinstance(r, Record) and r.structure == rocksalt for r in found)
    assert [r.properties for r in found] == [{"band_gap": 1.5}, {}, {}]


def test_json_lines_are_read_one_by_one(tmp_path, rocksalt):
    line = json.dumps({"id": "a", "structure": rocksalt.as_dict()})
    path = tmp_path / "s.jsonl"
    path.write_text(f"{line}\n\n{{broken\n{rocksalt.to_json()}\n")
    first, second, third = read_structures(path)
    assert (first.id, second.id, third.id) == ("a", "item-3", "item-4")
    assert isinstance(second, Reject)
    assert second.source == f"{path}: line 3"
    assert third.structure == rocksalt


def test_json_records_that_cannot_be_used_are_named(tmp_path, rocksalt):
    lattice = Lattice.cubic(4)
    slab = Structure(Lattice(lattice.matrix, pbc=(True, True, False)), ["Na"], [[0, 0, 0]])
    cut = rocksalt.as_dict()
    del cut["sites"][0]["abc"]
    faults = {
        "partial": (Structure(lattice, [{"Na": 0.5, "K": 0.5}], [[0, 0, 0]]), "partial occupancies"),
        "vacancies": (Structure(lattice, [{"Na": 0.5}], [[0, 0, 0]]), "partial occupancies"),
        "dummy": (Structure(lattice, ["X"], [[0, 0, 0]]), "unknown element X"),
        "molecule": (Molecule(["H"], [[0, 0, 0]]), "no pymatgen structure"),
        "number": (3, "no pymatgen structure"),
        "slab": (slab, "not periodic"),
        "cut": (cut, "incomplete (KeyError: 'abc'"),
        "evil": ({"lattice": {"@module": "os", "@class": "system"}, "sites": []}, "incomplete"),
    }
    path = as_file(tmp_path / "s.json", {n: s for n, (s, _) in faults.items()} | {"good": rocksalt})
    *rejects, good = read_structures(path)
    assert isinstance(good, Record)
    for reject, (name, (_, reason)) in zip(rejects, faults.items(), strict=True):
        assert isinstance(reject, Reject)
        assert reject.id == name
        assert reject.source == f"{path}: {name}"
        assert reason in reject.reason


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("s.json", b"{", "no complete JSON file"),
        ("s.json", b"\xff", "no complete JSON file"),
        ("s.json", b"3", "holds no structures"),
        ("s.json", b"[]", "holds no structures"),
        ("s.json.gz", b"[]", "no complete JSON file"),
    ],
)
def test_json_that_cannot_be_used_at_all(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says):
        list(read_structures(tmp_path / name))


def test_charges_in_json_are_left_out(tmp_path, rocksalt):
    charged = rocksalt.copy()
    charged.add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    (found,) = read_structures(as_file(tmp_path / "s.json", charged))
    assert found.structure == rocksalt


def test_partial_occupancy_in_a_cif_is_named(tmp_path):
    alloy = Structure(Lattice.cubic(4), [{"Na": 0.5, "K": 0.5}], [[0, 0, 0]])
    alloy.to(filename=str(tmp_path / "alloy.cif"))
    (found,) = read_structures(tmp_path)
    assert isinstance(found, Reject)
    assert found.id == "alloy"
    assert "partial occupancies" in found.reason


def grid(side: int) -> Structure:
    """A cubic crystal of ``side``^3 atoms, 3 A apart."""
    axis = np.arange(side) / side
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    return Structure(Lattice.cubic(3.0 * side), ["Fe"] * len(points), points)


def test_tens_of_thousands_of_atoms_are_read(tmp_path):
    crystal = grid(28)  # all pairs of them would take 4 GB
    write_extxyz(tmp_path / "s.extxyz", [crystal], [{"id": "large"}])
    (found,) = read_structures(tmp_path / "s.extxyz", max_atoms=10**6)
    assert isinstance(found, Record)
    assert len(found.structure) == 28**3


def test_a_large_cif_of_no_special_form_is_read(tmp_path):
    head = (
        "data_x\n_space_group_name_H-M_alt 'P 1'\n_cell_length_a 90\n_cell_length_b 90\n_cell_length_c 90\n"
    )
    head += "_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\nloop_\n_atom_site_type_symbol\n"
    head += "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    points = np.ndindex(20, 20, 20)
    rows = "".join(f"Fe {x / 20:.4f} {y / 20:.4f} {z / 20:.4f}\n" for x, y, z in points)
    (tmp_path / "x.cif").write_text(head + rows)
    (found,) = read_structures(tmp_path / "x.cif", max_atoms=10**6)
    assert isinstance(found, Record)
    assert len(found.structure) == 8000


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), side=st.floats(0.05, 10), skew=st.floats(-2, 2), close=st.booleans())
def test_the_tree_finds_the_overlap_that_all_pairs_find(seed, side, skew, close):
    rng = np.random.default_rng(seed)
    lattice = side * np.array([[1, 0, 0], [skew, 1, 0], [skew, -skew, 1.0]])
    positions = rng.uniform(-1, 2, size=(60, 3))
    if close:
        positions[7] = positions[31] + np.array([1, -2, 0]) + 0.004 * np.linalg.inv(lattice)[0]
    every = overlapping_pair(lattice, positions, np.full(60, 6))
    near = set(zip(*(axis.tolist() for axis in near_pairs(lattice, positions)), strict=True))
    assert (every is not None) or not close
    alone = every is not None and every[0] == every[1]  # an atom too near to its own image
    assert every is None or alone or tuple(sorted(every[:2])) in {tuple(sorted(pair)) for pair in near}

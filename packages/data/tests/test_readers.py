import csv
import gzip
import math
from pathlib import Path

import pytest
from pymatgen.core.structure import Structure

from epitaxy.data import DataError, Record, Reject, read_structures, write_extxyz


def write_csv(path: Path, rows: list[dict[str, object]]) -> Path:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("name", ["crystals.csv", "crystals.csv.gz"])
def test_csv_ids_properties_and_order(tmp_path, rocksalt_cif, name):
    rows = [
        {"material_id": "mp-2", "formula": "NaN", "band_gap": "5.1", "hull": "", "cif": rocksalt_cif},
        {"material_id": "mp-1", "formula": "InF", "band_gap": "-1e-3", "hull": "0.25", "cif": rocksalt_cif},
    ]
    first, second = read_structures(write_csv(tmp_path / name, rows))
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert (first.id, second.id) == ("mp-2", "mp-1")
    assert first.structure.reduced_formula == "NaCl"
    assert first.properties["band_gap"] == 5.1
    assert math.isnan(first.properties["hull"])
    assert second.properties == {"band_gap": -1e-3, "hull": 0.25}


def test_ids_without_material_id(tmp_path, rocksalt_cif):
    unnamed = write_csv(tmp_path / "a.csv", [{"": "17", "cif": rocksalt_cif}, {"": "4", "cif": rocksalt_cif}])
    assert [r.id for r in read_structures(unnamed)] == ["17", "4"]
    neither = write_csv(tmp_path / "b.csv", [{"cif": rocksalt_cif}, {"cif": rocksalt_cif}])
    assert [r.id for r in read_structures(neither)] == ["row-1", "row-2"]


def test_one_in_twenty_broken_records_does_not_stop_the_rest(tmp_path, rocksalt_cif):
    breaks = {
        7: rocksalt_cif[:-20],
        31: "",
        58: rocksalt_cif.replace("0.50000000", "0.00000000"),
        59: rocksalt_cif.replace("  Na  ", "  Qq  "),
        99: rocksalt_cif.replace("3.98808225", "0.00000000"),
    }
    path = write_csv(
        tmp_path / "c.csv", [{"material_id": i, "cif": breaks.get(i, rocksalt_cif)} for i in range(100)]
    )
    found = list(read_structures(path))
    rejects = [r for r in found if isinstance(r, Reject)]
    assert [r.id for r in rejects] == [str(i) for i in breaks]
    assert [r.source for r in rejects] == [f"{path}: row {i + 1}" for i in breaks]
    assert all(r.reason for r in rejects)
    assert [r.id for r in found] == [str(i) for i in range(100)]


def test_an_id_used_twice_is_rejected(tmp_path, rocksalt_cif):
    path = write_csv(tmp_path / "c.csv", [{"material_id": "x", "cif": rocksalt_cif}] * 2)
    _, second = read_structures(path)
    assert isinstance(second, Reject)
    assert "used before, at" in second.reason


def test_a_row_without_its_cif_cell_is_rejected(tmp_path, rocksalt_cif):
    path = tmp_path / "c.csv"
    path.write_text(f'material_id,cif\na\nb,"{rocksalt_cif}"\n')
    first, second = read_structures(path)
    assert isinstance(first, Reject)
    assert isinstance(second, Record)


def test_a_folder_of_files_is_read_in_order(tmp_path, rocksalt, rocksalt_cif):
    (tmp_path / "b.cif").write_text(rocksalt_cif)
    (tmp_path / "POSCAR.x").write_text(rocksalt.to(fmt="poscar"))
    (tmp_path / "a.vasp").write_text(rocksalt.to(fmt="poscar"))
    (tmp_path / "c.cif").write_bytes(b"\xff\xfe broken")
    (tmp_path / "d.poscar").write_text("comment\n1.0\n5 0 0\n")
    (tmp_path / "notes.txt").write_text("not a structure")
    found = list(read_structures(tmp_path))
    assert [r.id for r in found] == ["POSCAR.x", "a", "b", "c", "d"]
    assert [type(r) for r in found] == [Record, Record, Record, Reject, Reject]
    assert all(r.structure.reduced_formula == "NaCl" for r in found if isinstance(r, Record))


def test_a_poscar_must_name_its_elements(tmp_path, rocksalt):
    lines = rocksalt.to(fmt="poscar").splitlines()
    nameless = [line.rsplit(maxsplit=1)[0] if i > 6 else line for i, line in enumerate(lines) if i != 5]
    (tmp_path / "x.vasp").write_text("\n".join(["no elements here", *nameless[1:]]) + "\n")
    (found,) = read_structures(tmp_path)
    assert isinstance(found, Reject)
    assert "name its elements" in found.reason


def test_a_single_cif(tmp_path, rocksalt_cif):
    (tmp_path / "salt.cif").write_text(rocksalt_cif)
    (found,) = read_structures(tmp_path / "salt.cif")
    assert isinstance(found, Record)
    assert found.id == "salt"


def test_extxyz_keeps_ids_and_numbers_and_survives_broken_frames(tmp_path, rocksalt: Structure):
    path = tmp_path / "s.extxyz"
    write_extxyz(path, [rocksalt] * 3, [{"id": "000012", "energy": -3.5}, {"id": "F"}, {"seed": 3}])
    good = path.read_text()
    broken = good.split("\n2\n")[0].replace("Na ", "Xx ").replace("000012", "bad")
    flat = "1\nid=molecule Properties=species:S:1:pos:R:3\nC 0 0 0\n"
    path.write_text(good + broken + "\n" + flat + "5\nid=short\nC 0 0 0\n")
    found = list(read_structures(path))
    assert [r.id for r in found] == ["000012", "F", "frame-3", "frame-4", "frame-5", "frame-6"]
    assert [type(r) for r in found] == [Record] * 3 + [Reject] * 3
    assert isinstance(found[0], Record)
    assert found[0].properties == {"energy": -3.5}
    reasons = [r.reason for r in found if isinstance(r, Reject)]
    assert "unknown element Xx" in reasons[0]
    assert "not periodic" in reasons[1]
    assert "cut short" in reasons[2]


def test_too_many_atoms_is_the_callers_choice(tmp_path, rocksalt_cif):
    path = write_csv(tmp_path / "c.csv", [{"cif": rocksalt_cif}])
    (found,) = read_structures(path, max_atoms=1)
    assert isinstance(found, Reject)


FILE_FAULTS = {
    "missing.csv": (None, "does not exist"),
    "empty.csv": (b"", "is empty"),
    "header.csv": (b"material_id,cif\n", "no rows"),
    "columns.csv": (b"id,structure\n1,x\n", "only id, structure; rename"),
    "plain.csv.gz": (b"material_id,cif\n", "no complete gzip file"),
    "cut.csv.gz": (
        gzip.compress(b"material_id,cif\n" + b"".join(str(hash(i * 0.1)).encode() for i in range(9999)))[
            :-30
        ],
        "no complete gzip file",
    ),
    "binary.csv": (b"material_id,cif\n\xff\xfe\x00\n", "not UTF-8"),
    "empty.extxyz": (b"\n", "is empty"),
    "file.docx": (b"x", "unknown kind"),
}


@pytest.mark.parametrize("name", FILE_FAULTS)
def test_a_file_that_cannot_be_used_at_all_says_why(tmp_path, name):
    content, reason = FILE_FAULTS[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        list(read_structures(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_an_empty_folder_says_what_it_wants(tmp_path):
    with pytest.raises(DataError, match="no CIF or POSCAR file"):
        read_structures(tmp_path)

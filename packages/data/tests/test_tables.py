"""Tables: separators, headers, ids, cells that are no numbers, and rows that are cut."""

import gzip
import math

import pytest

from epitaxy.data import DataError, Record, Reject, prepare, read_structures
from epitaxy.data._suffixes import TABLE_SUFFIXES


def table(path, header, rows, separator=",", end="\r\n"):
    quoted = [[f'"{cell}"' if "\n" in cell else cell for cell in row] for row in rows]
    text = end.join(separator.join(row) for row in [header, *quoted]) + end
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def read(path):
    notes: list[str] = []
    return list(read_structures(path, notes=notes)), notes


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.csv.gz", "X.CSV"])
def test_separators_are_found_by_the_header(tmp_path, rocksalt_cif, separator, name):
    path = table(tmp_path / name, ["ID", " CIF ", "e"], [["a", rocksalt_cif, "1.5"]], separator)
    (found,), _ = read(path)
    assert isinstance(found, Record)
    assert (found.id, found.properties) == ("a", {"e": 1.5})


@pytest.mark.parametrize(
    ("line", "separator"), [("sep=;", ";"), ('"sep=,"', ","), ("SEP=\t", "\t"), ("sep=|,", "|")]
)
def test_excel_s_line_before_the_header_is_no_header(tmp_path, rocksalt_cif, line, separator):
    path = table(tmp_path / "a.csv", ["id", "cif"], [["a", rocksalt_cif]], separator)
    path.write_text(f"{line}\n{path.read_text()}")
    (found,), _ = read(path)
    assert (type(found), found.id) == (Record, "a")


@pytest.mark.parametrize(
    "name", ["material_id", "id", "ID", "mp_id", "mp-id", "entry_id", "jid", "Material_ID"]
)
def test_ids_under_their_usual_names(tmp_path, rocksalt_cif, name):
    (found,), notes = read(table(tmp_path / "x.csv", ["e", name, "cif"], [["1", "a", rocksalt_cif]]))
    assert (found.id, notes) == ("a", [])


def test_a_table_without_ids_says_so(tmp_path, rocksalt_cif):
    (found,), notes = read(table(tmp_path / "x.csv", ["cif"], [[rocksalt_cif]]))
    assert found.id == "row-1"
    assert "no column is called material_id or id" in notes[0]


@pytest.mark.parametrize("cell", ["#N/A", "<NA>", "-", "n/a", "", "nan"])
def test_a_missing_cell_is_missing(tmp_path, rocksalt_cif, cell):
    rows = [[f"{i}", rocksalt_cif, x] for i, x in enumerate(["1", cell, "3"])]
    found, notes = read(table(tmp_path / "x.csv", ["id", "cif", "e"], rows))
    assert math.isnan(found[1].properties["e"])
    assert [found[i].properties["e"] for i in (0, 2)] == [1.0, 3.0]
    assert notes == []


@pytest.mark.parametrize("cell", ["0,5", "1e400", "inf", "3 eV", "1_000", "9" * 5000, "0x10", "True"])
def test_a_cell_that_is_no_number_costs_no_column_and_is_said(tmp_path, rocksalt_cif, cell):
    rows = [[f"{i}", rocksalt_cif, x] for i, x in enumerate(["1", cell, "3"])]
    found, notes = read(table(tmp_path / "x.tsv", ["id", "cif", "e"], rows, "\t"))
    assert [math.isnan(r.properties["e"]) for r in found] == [False, True, False]
    assert notes[0].startswith("column e: 1 of 3 cells are no finite numbers (row 2: ")


def test_columns_of_text_are_said(tmp_path, rocksalt_cif):
    rows = [[f"{i}", rocksalt_cif, "NaCl", x] for i, x in enumerate(["0,5", "1,5", "2"])]
    found, notes = read(table(tmp_path / "x.tsv", ["id", "cif", "formula", "gap"], rows, "\t"))
    assert all(r.properties == {} for r in found)
    assert "column gap: 2 of 3 cells" in notes[0]
    assert "the column is left out" in notes[0]
    assert notes[1] == "column formula holds no numbers and is no property"
    assert prepare(tmp_path / "x.tsv").notes == tuple(notes)
    assert prepare(tmp_path / "x.tsv").notes == tuple(notes)  # from the cache


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (["id", "cif", "e", "e"], "2 columns called e"),
        (["id", "cif", "CIF", "e"], "2 columns called cif"),
        (["id", "structure"], "no `cif` column, only id, structure"),
        (["mp-1", "data_x\n_cell_length_a 4", "0.5"], "no header line"),
        ([f"c{i}" for i in range(1001)] + ["cif"], "more than 1000 columns"),
    ],
)
def test_a_header_that_cannot_be_meant(tmp_path, header, says):
    path = table(tmp_path / "x.csv", [f'"{h}"' if "\n" in h else h for h in header], [["1"] * len(header)])
    with pytest.raises(DataError, match=says) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_rows_that_do_not_fit_are_named_and_the_rest_is_read(tmp_path, rocksalt_cif):
    rows = [
        ["a", rocksalt_cif, "1"],
        ["b", rocksalt_cif, "1", "2"],
        ["id", "cif", "e"],
        ["c", rocksalt_cif, "", ""],
    ]
    found, _ = read(table(tmp_path / "x.csv", ["id", "cif", "e"], rows))
    assert [type(r) for r in found] == [Record, Reject, Reject, Record]
    assert "4 cells where the header has 3" in found[1].reason
    assert "tables were joined" in found[2].reason


@pytest.mark.parametrize("last", [["id", "e", "cif"], ["id", "cif", "e"]])
@pytest.mark.parametrize("cut", [3, 40, 200])
def test_a_table_cut_in_its_last_record_loses_that_record(tmp_path, rocksalt_cif, last, cut):
    cells = {"cif": rocksalt_cif, "e": "1.5"}
    rows = [[cells.get(name, f"r{i}") for name in last] for i in range(3)]
    path = table(tmp_path / "x.csv", last, rows)
    path.write_bytes(path.read_bytes()[: -cut - 5])
    found, _ = read(path)
    assert [type(r) for r in found] == [Record, Record, Reject]
    assert "cut short" in found[2].reason


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("cifs/a.cif", "file's name"),
        ("data_x\\n_cell_length_a 4\\n", "line ends are written"),
        ("# generated by pymatgen", "one line"),
        ("NaCl\n1.0\n4 0 0\n0 4 0\n0 0 4\nNa Cl\n1 1\ndirect\n0 0 0\n.5 .5 .5\n", "POSCAR"),
    ],
)
def test_what_stands_where_a_cif_belongs_is_named(tmp_path, cell, says):
    (found,), _ = read(table(tmp_path / "x.csv", ["id", "cif"], [["a", cell]]))
    assert isinstance(found, Reject)
    assert says in found.reason


def test_one_byte_of_another_encoding_costs_no_record(tmp_path, rocksalt_cif):
    path = table(tmp_path / "x.csv", ["id", "cif"], [["a", rocksalt_cif], ["b", rocksalt_cif]])
    path.write_bytes(path.read_bytes().replace(b"generated", b"g\xe9n\xe9r\xe9"))
    assert [type(r) for r in read(path)[0]] == [Record, Record]


def test_parquet_is_read_or_asks_for_its_reader(tmp_path, rocksalt_cif):
    path = tmp_path / "x.parquet"
    assert path.suffix in TABLE_SUFFIXES
    try:
        import pyarrow
        from pyarrow.parquet import write_table
    except ImportError:
        path.write_bytes(b"PAR1")
        with pytest.raises(DataError, match="pip install pyarrow"):
            read(path)
        return
    columns = {"id": ["a", "b"], "cif": [rocksalt_cif] * 2, "e": [1.5, None]}
    write_table(pyarrow.table(columns), path)
    (first, second), _ = read(path)
    assert (first.id, second.id, first.properties["e"]) == ("a", "b", 1.5)
    assert math.isnan(second.properties["e"])

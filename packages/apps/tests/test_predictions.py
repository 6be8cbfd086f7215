"""Structures to be judged: what of a path is not read is said, and samples are those that were told of."""

import json
from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure

from epitaxy.apps.evaluation.predictions import read_predictions
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.data import write_extxyz

SALT = Structure(Lattice.cubic(4.0), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def test_what_is_not_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SALT.to(str(tmp_path / "one.cif"))
    (tmp_path / "notes.txt").write_text("x")
    assert list(read_predictions(str(tmp_path)).by_id) == ["one"]
    assert f"{tmp_path}: 1 files are not read (1 .txt; the first: notes.txt)" in capsys.readouterr().err
    table = tmp_path / "a.csv"
    table.write_text(f'cif,e\n"{SALT.to(fmt="cif")}",x\n')
    read_predictions(str(table))
    said = capsys.readouterr().err
    assert "column e holds no numbers" in said
    assert "no column is called material_id or id" in said


def folder(path: Path, *, structures: int, told: int) -> Path:
    path.mkdir()
    write_extxyz(path / "samples.extxyz", [SALT] * structures, [{"id": "a"}] * structures)
    summary = {"ids": ["a"], "written": told, "rejected": []}
    (path / "samples.json").write_text(json.dumps(summary))
    return path


def test_samples_are_as_many_as_were_told_of(tmp_path: Path) -> None:
    found = read_predictions(str(folder(tmp_path / "two", structures=2, told=2)))
    assert len(found.by_id["a"]) == 2
    with pytest.raises(UsageError, match="has more structures than"):
        read_predictions(str(folder(tmp_path / "more", structures=3, told=2)))
    with pytest.raises(UsageError, match="ends after 1 structures"):
        read_predictions(str(folder(tmp_path / "fewer", structures=1, told=2)))

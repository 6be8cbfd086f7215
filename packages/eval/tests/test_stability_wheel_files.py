"""Weights that are not as their wheel brought them are not unpickled."""

from importlib import metadata
from pathlib import Path

import pytest

from epitaxy.eval.stability.wheel_files import check_wheel_files

RECORD = "toy-1.0.dist-info/RECORD"
SHA256 = "sha256=LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ"  # of b"hello"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with one pickled file, installed as pip does."""
    (tmp_path / "toy-1.0.dist-info").mkdir()
    (tmp_path / "toy-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1\n")
    (tmp_path / RECORD).write_text(f"toy/weights.pth,{SHA256},5\ntoy/__init__.py,,\n{RECORD},,\n")
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "weights.pth").write_bytes(b"hello")
    monkeypatch.syspath_prepend(str(tmp_path))
    check_wheel_files.cache_clear()
    return tmp_path


def test_what_the_wheel_brought_is_taken(installed: Path):
    assert metadata.version("toy") == "1"
    check_wheel_files("toy")


def test_what_was_changed_is_refused_by_name(installed: Path):
    (installed / "toy" / "weights.pth").write_bytes(b"hellp")
    with pytest.raises(ValueError, match=r"weights\.pth is not the file that toy's wheel brought"):
        check_wheel_files("toy")


def test_what_has_no_hash_is_refused(installed: Path):
    (installed / RECORD).write_text("toy/weights.pth,,\n")
    with pytest.raises(ValueError, match=r"weights\.pth is not the file"):
        check_wheel_files("toy")


def test_chgnets_own_weights_are_its_wheels():
    pytest.importorskip("chgnet")
    check_wheel_files("chgnet")

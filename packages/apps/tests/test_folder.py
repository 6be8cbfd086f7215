"""Who holds a sample folder, what a killed sampling leaves, and what is taken up again."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ase.io import read
from typer.testing import CliRunner

from epitaxy.apps import UsageError
from epitaxy.apps.cli.crysbfn import app
from epitaxy.apps.cli.symmbfn import app as symmbfn
from epitaxy.apps.foundation.folders import MARKER
from epitaxy.apps.sampling.output_folder import SUMMARY, claimed_folder, read_summary
from epitaxy.apps.sampling.writers import CIFS, SAMPLES

HOLDER = """
import sys
from pathlib import Path
from epitaxy.apps.sampling.output_folder import claimed_folder
out = Path(sys.argv[1])
with claimed_folder(out):
    (out / "cif").mkdir()
    (out / "cif" / "half.cif").write_text("data_half")
    (out / "samples.extxyz").write_text("half")
    print("held", flush=True)
    sys.stdin.read()
"""
WORDS = ["sample", "crysbfn-perov-small", "--formula", "SrTiO3", "--num", "2", "--steps", "6", "--seed", "1"]


@contextmanager
def sampling_elsewhere(out: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process in the midst of writing its samples."""
    words = [sys.executable, "-c", HOLDER, str(out)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
        holder.kill()


def test_of_two_samplings_into_one_folder_the_second_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with sampling_elsewhere(out):
        with pytest.raises(UsageError, match="another process is sampling there"), claimed_folder(out):
            pytest.fail("two at once")
        assert (out / CIFS / "half.cif").read_text() == "data_half"  # the first is unharmed


def test_after_a_kill_the_same_words_work(tmp_path: Path) -> None:
    """Nothing of what the killed one left is among the samples."""
    out = tmp_path / "out"
    with sampling_elsewhere(out) as holder:
        holder.kill()
        holder.wait()
        assert (out / MARKER).exists()
        again = CliRunner().invoke(app, [*WORDS, "--out", str(out)])
    assert again.exit_code == 0, again.output
    summary = read_summary(out)
    assert summary is not None
    assert summary["written"] == len(read(out / SAMPLES, index=":")) == len(list((out / CIFS).iterdir()))
    assert not (out / CIFS / "half.cif").exists()
    assert not (out / MARKER).exists()


def test_what_is_finished_or_foreign_is_kept(tmp_path: Path) -> None:
    done, foreign = tmp_path / "done", tmp_path / "foreign"
    for folder, name in ((done, SUMMARY), (foreign, "thesis.tex")):
        folder.mkdir()
        (folder / name).write_text("{}")
        with pytest.raises(UsageError, match="is not empty"), claimed_folder(folder):
            pytest.fail("claimed")
        assert [path.name for path in folder.iterdir()] == [name]
    (done / MARKER).touch()  # killed after its last file, before the marker went
    with pytest.raises(UsageError, match="is not empty"), claimed_folder(done):
        pytest.fail("claimed")
    assert (done / SUMMARY).exists()


def test_a_folder_in_which_nothing_was_written_goes(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), claimed_folder(tmp_path / "a" / "out"):
        raise RuntimeError
    assert not (tmp_path / "a" / "out").exists()


@pytest.mark.parametrize(
    "held",
    [
        "",
        "[]",
        "{}",
        '{"written": -1, "rejected": [], "ids": []}',
        '{"written": "2", "rejected": [], "ids": []}',
        '{"written": 1, "rejected": [{"number": 0, "id": "unasked", "reason": "flat"}], "ids": ["a"]}',
        '{"written": 1, "rejected": [{"number": 0, "id": "a"}], "ids": ["a"]}',
        '{"written": 1, "rejected": 3, "ids": ["a"]}',
    ],
)
def test_a_damaged_summary_is_one_sentence(tmp_path: Path, held: str) -> None:
    (tmp_path / SUMMARY).write_text(held)
    with pytest.raises(UsageError, match=r"samples\.json is damaged.*sample again"):
        read_summary(tmp_path)


def test_redraws_are_counted_and_none_are_made_where_none_are_wanted(tmp_path: Path) -> None:
    """Of SymmBFN's cells some clash; those drawn anew keep their places and ids."""
    summaries, names = {}, {}
    words = [
        "sample",
        "symmbfn-mp20-small",
        "--formula",
        "Li2O",
        "--num",
        "40",
        "--steps",
        "20",
        "--seed",
        "1",
    ]
    for redraws in ("0", "2"):
        out = tmp_path / redraws
        CliRunner().invoke(symmbfn, [*words, "--redraws", redraws, "--out", str(out)])
        summaries[redraws] = json.loads((out / SUMMARY).read_text())
        names[redraws] = {path.name for path in (out / CIFS).iterdir()}
    at_once, anew = summaries["0"], summaries["2"]
    assert at_once["rejected"]
    assert at_once["drawn_anew"] == 0
    assert {entry["draws"] for entry in at_once["rejected"]} == {1}
    assert {entry["draws"] for entry in anew["rejected"]} <= {3}
    assert anew["drawn_anew"] == len(at_once["rejected"])
    assert at_once["written"] < anew["written"] <= at_once["requested"] == 40
    assert names["0"] < names["2"]

"""The command lines as a user meets them: statuses, one sentence, speed of --help."""

import logging
import resource
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest
import torch
from commands import call, entry, refused
from pymatgen.core import Lattice, Structure
from safetensors.torch import load_file

from epitaxy.apps.foundation.folders import RECIPE, WEIGHTS
from epitaxy.apps.foundation.names import CRYSTAL_SYSTEMS
from epitaxy.apps.foundation.progress import reporting
from epitaxy.apps.training.run import START
from epitaxy.geometry.symmetry import crystal_system


@pytest.mark.parametrize("app", ["crysbfn", "kldm", "symmbfn", "geobfn", "epitaxy"])
@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_imports_nothing_heavy(app: str, word: str) -> None:
    code = (
        f"import sys; from {entry(app)} import app\n"
        "try: app(sys.argv[1:], standalone_mode=False)\n"
        "except SystemExit: pass\n"
        "heavy = ('torch', 'lightning', 'pymatgen', 'pydantic', 'plotly', 'numpy')\n"
        "print('HEAVY', [m for m in heavy if m in sys.modules])"
    )
    started = time.process_time()
    answer = subprocess.run([sys.executable, "-c", code, word], capture_output=True, text=True, check=True)
    assert "HEAVY []" in answer.stdout
    assert time.process_time() - started < 1.0


REFUSED_EARLY = {
    "train": ("crysbfn", "train", "--data", "no_such_data", "--out", "run"),
    "from": ("crysbfn", "train", "--data", "perov_5", "--from", "no_such_model", "--out", "run"),
    "sample": ("crysbfn", "sample", "no_such_model", "--out", "samples"),
    "another's": ("crysbfn", "sample", "kldm-perov-small", "--out", "samples"),
    "compositions": ("kldm", "sample", "kldm-mp20", "--compositions", "mp20", "--out", "samples"),
    "group": ("symmbfn", "sample", "symmbfn-mp20-small", "--spacegroup", "999", "--out", "samples"),
    "system": ("symmbfn", "sample", "symmbfn-mp20-small", "--crystal-system", "cubik", "--out", "samples"),
    "device": ("geobfn", "sample", "geobfn-qm9-small", "--device", "tpu", "--out", "samples"),
    "file": ("geobfn", "sample", "geobfn-qm9-small", "--out", __file__),
    "not empty": ("geobfn", "sample", "geobfn-qm9-small", "--out", str(Path(__file__).parent)),
    "info": ("symmbfn", "info", "no_such_model"),
    "csp": ("epitaxy", "eval", "csp", "no_such_file", "perov_5"),
    "reference": ("epitaxy", "eval", "csp", __file__, "perov5"),
    "dng": ("epitaxy", "eval", "dng", "perov_5:val", "--train", "perov5"),
    "molecules": ("epitaxy", "eval", "molecules", "no_such_file"),
    "relax": ("epitaxy", "relax", "no_such_file", "--out", "ranked.csv"),
}


@pytest.mark.parametrize("case", REFUSED_EARLY)
def test_wrong_words_are_refused_before_anything_heavy_is_imported(case: str) -> None:
    app, *words = REFUSED_EARLY[case]
    code = (
        f"import sys; from {entry(app)} import app\n"
        "try: app(sys.argv[1:], standalone_mode=False)\n"
        "except Exception as error: print(type(error).__name__)\n"
        "heavy = ('torch', 'lightning', 'pymatgen', 'plotly', 'numpy')\n"
        "print('HEAVY', [m for m in heavy if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["UsageError", "HEAVY", "[]"]


def test_the_crystal_systems_named_early_are_those_of_geometry() -> None:
    assert tuple(dict.fromkeys(crystal_system(number) for number in range(1, 231))) == CRYSTAL_SYSTEMS


def test_debug_shows_why_a_record_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.cif").write_text("data_a\nloop_\n_atom_site_label\n_atom_site_fract_x\nC1\n")
    plain = call("epitaxy", "eval", "dng", str(tmp_path))
    assert "Traceback" not in plain.stderr
    log = logging.getLogger("epitaxy")
    level, handlers = log.level, log.handlers[:]
    try:
        answer = call("epitaxy", "eval", "dng", str(tmp_path), "--debug")
    finally:
        log.setLevel(level)
        log.handlers[:] = handlers
    assert "bad.cif" in answer.stderr
    assert "ValueError" in answer.stderr  # gemmi's own, behind the sentence


@pytest.mark.parametrize("command", ["train", "sample", "info"])
def test_every_command_has_help(command: str) -> None:
    answer = call("crysbfn", command, "--help")
    assert answer.returncode == 0
    assert "--" in answer.stdout


def test_wrong_words_have_status_2(tmp_path: Path) -> None:
    assert call("crysbfn", "dance").returncode == 2
    assert call("crysbfn", "train").returncode == 2
    assert call("crysbfn", "sample", "x", "--out", str(tmp_path), "--num", "many").returncode == 2


@pytest.mark.parametrize(
    "words",
    [
        "crysbfn train --out {out} --data", "crysbfn sample --out {out}", "crysbfn info",
        "epitaxy search SrTiO3 --out {out} --model", "epitaxy search SrTiO3 --out {out} --hull",
        "epitaxy eval dng", "epitaxy relax --out {out}/ranked.csv", "epitaxy data info", "epitaxy plot",
    ],
)  # fmt: skip
def test_an_empty_name_is_no_folder(words: str, tmp_path: Path) -> None:
    """As ``"$RUN"`` is where nothing was put into it; this folder is ``.``."""
    refused(call(*words.format(out=tmp_path / "out").split(), ""), "the name is empty: name ")


def test_training_is_refused_in_one_sentence(csp_run: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "run")
    refused(call("crysbfn", "train", "--data", "perov5", "--out", out), "perov5", "perov_5")
    refused(call("crysbfn", "train", "--data", str(tmp_path / "no.csv"), "--out", out), "no.csv")
    refused(call("crysbfn", "train", "--out", out), "--data")
    refused(call("crysbfn", "train", "--data", "prototypes", "--task", "xyz", "--out", out), "csp", "dng")
    refused(call("crysbfn", "train", "--data", "prototypes", "--preset", "big", "--out", out), "small")
    refused(
        call("crysbfn", "train", "--data", "prototypes", "--set", "network.widht=3", "--out", out),
        "network.widht",
    )
    refused(call("crysbfn", "train", "--data", "prototypes", "--max-time", "1h", "--out", out), "01:30:00")
    refused(call("crysbfn", "train", "--data", "prototypes", "--device", "tpu", "--out", out), "cuda")
    refused(call("crysbfn", "train", "--data", "prototypes", "--out", str(csp_run)), "--resume")
    refused(call("crysbfn", "train", "--resume", "--out", out), "holds no run")
    refused(
        call("crysbfn", "train", "--resume", "--data", "mp_20", "--out", str(csp_run)), "prototypes", "mp_20"
    )
    assert not Path(out).exists()


def test_a_run_begins_with_another(csp_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["train", "--data", "prototypes", "--from", str(csp_run), "--out", str(out)]
    answer = call("crysbfn", *words, "--set", "training.passes=1")
    assert answer.returncode == 0, answer.stderr
    assert f"Begun with the weights of {csp_run}" in (out / "model" / "card.md").read_text()
    start, theirs = (load_file(path / "model.safetensors") for path in (out / START, csp_run / "model"))
    known = theirs["species_embedding.weight"]
    assert len(start["species_embedding.weight"]) > len(known)
    rest = [name for name in theirs if name != "species_embedding.weight"]
    assert all(torch.equal(start[name], theirs[name]) for name in rest)
    refused(call("crysbfn", *words, "--task", "dng", "--out", str(tmp_path / "b")), "trained for csp")
    refused(call("crysbfn", *words, "--preset", "small", "--out", str(tmp_path / "b")), "network.hidden")
    refused(call("kldm", *words, "--out", str(tmp_path / "b")), "holds a crysbfn model")
    refused(call("crysbfn", *words, "--resume"), "--from does not go with --resume")
    refused(call("crysbfn", *words[:3], "--from", "nothing", "--out", str(tmp_path / "b")), "nothing")
    assert not (tmp_path / "b").exists()


def test_a_csv_without_a_cif_column(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("material_id,structure\na,b\n")
    refused(
        call("crysbfn", "train", "--data", str(table), "--out", str(tmp_path / "run")), "cif", "table.csv"
    )


def test_sampling_is_refused_in_one_sentence(csp_run: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    refused(call("crysbfn", "sample", "nothing", "--out", out), "nothing")
    refused(call("crysbfn", "sample", str(csp_run), "--out", out), "--formula")
    refused(call("crysbfn", "sample", str(csp_run), "--formula", "OgO", "--out", out), "Og")
    refused(call("crysbfn", "sample", str(csp_run), "--formula", "NaCl", "--out", str(csp_run)), "not empty")
    assert not Path(out).exists()


def test_another_models_checkpoint(csp_run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for file in (csp_run / "model").iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    recipe = (other / RECIPE).read_text()
    (other / RECIPE).write_text(recipe.replace('"crysbfn"', '"kldm"'))
    out = str(tmp_path / "out")
    refused(call("crysbfn", "sample", str(other), "--formula", "NaCl", "--out", out), "kldm", "crysbfn")
    (other / RECIPE).write_text(recipe.replace('"hidden": 32', '"hidden": 64'))
    refused(call("crysbfn", "sample", str(other), "--formula", "NaCl", "--out", out), "does not fit")
    (other / RECIPE).write_text(recipe)
    (other / WEIGHTS).write_bytes((other / WEIGHTS).read_bytes()[:1000])
    refused(call("crysbfn", "sample", str(other), "--formula", "NaCl", "--out", out), "damaged", status=1)


def test_sample_then_score(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    words = (
        "--compositions",
        "prototypes",
        "--limit",
        "5",
        "--num",
        "2",
        "--steps",
        "8",
        "--out",
        str(samples),
    )
    made = call("kldm", "sample", "kldm-mp20", *words)
    assert made.returncode == 0, made.stderr
    scored = call(
        "epitaxy", "eval", "csp", str(samples), "prototypes", "--protocol", "loose", "--workers", "1",
        "--json", str(tmp_path / "s.json"), "--html", str(tmp_path / "s.html"),
    )  # fmt: skip
    assert scored.returncode == 0, scored.stderr
    assert "match_rate@2" in scored.stdout
    assert '"protocol"' in (tmp_path / "s.json").read_text()
    assert (tmp_path / "s.html").stat().st_size > 1_000_000
    refused(call("epitaxy", "eval", "csp", str(samples), "prototypes", "--protocol", "nice"), "loose")
    refused(call("epitaxy", "eval", "csp", str(samples), "prototypes", "--split", "train"), "material id")


def test_a_full_disk_is_one_sentence(csp_run: Path, tmp_path: Path) -> None:
    """A file-size limit stands in for a full disk where none can be mounted: both fail in the write."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

    out = tmp_path / "out"
    code = f"from {entry('crysbfn')} import main; main()"
    words = ["sample", str(csp_run), "--formula", "NaCl", "--num", "40", "--steps", "20", "--out", str(out)]
    answer = subprocess.run(
        # Without bytecode: Python would cut that short too, and break whatever imports it next.
        [sys.executable, "-B", "-c", code, *words],
        capture_output=True,
        text=True,
        preexec_fn=limit,
    )
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert not (out / "samples.json").exists()
    assert not list(out.glob(".*"))


def test_info_and_lists(csp_run: Path) -> None:
    assert "96" in call("crysbfn", "info", "quickstart").stdout
    assert "# crysbfn on prototypes" in call("crysbfn", "info", str(csp_run)).stdout
    assert "prototypes" in call("epitaxy", "data", "list").stdout
    assert "crystals of" in call("epitaxy", "data", "info", "prototypes").stdout
    assert call("epitaxy", "models").returncode == 0
    refused(call("crysbfn", "info", "nope"), "nope")


def test_a_dataset_that_is_not_there_is_said_once_and_one_that_is_names_its_properties(
    tmp_path: Path,
) -> None:
    refused(call("epitaxy", "data", "info", "mp20"), "mp20", "mp_20")
    cells = [
        Structure(Lattice.cubic(4 + k / 10), ["Na", "Cl"], [[0.0] * 3, [0.5] * 3]).to(fmt="cif")
        for k in range(30)
    ]
    rows = [f'm{k},{k / 4},"{cell}"' for k, cell in enumerate(cells)]
    table = tmp_path / "mine.csv"
    table.write_text("\n".join(["material_id,band_gap,cif", *rows]) + "\n")
    answer = call("epitaxy", "data", "info", str(table))
    assert answer.returncode == 0, answer.stderr
    assert "band_gap: " in answer.stdout
    table.write_text("\n".join(["material_id,band_gap,cif", *rows[:3]]) + "\n")
    few = call("epitaxy", "data", "info", str(table))
    assert few.returncode == 0, few.stderr
    assert "band_gap: " in few.stdout
    assert "falls into the val split" in few.stdout
    table.write_text("material_id,cif\n" + "".join(f"m{k},none\n" for k in range(30)))
    refused(call("epitaxy", "data", "info", str(table)), "mine.csv")


def test_a_download_without_a_network_is_failed_work(tmp_path: Path) -> None:
    with mock.patch("urllib.request.urlopen", side_effect=OSError("no network")):
        refused(call("epitaxy", "data", "fetch", "perov_5", "--root", str(tmp_path)), "perov_5", status=1)
    refused(call("epitaxy", "data", "fetch", "perov5", "--root", str(tmp_path)), "perov_5")


@pytest.mark.parametrize(
    "text", ["{}", "[1]", "nonsense", '{"written": -1, "rejected": [], "ids": []}', "\xff"]
)
def test_a_damaged_summary_is_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "samples.json").write_bytes(text.encode("latin-1"))
    refused(
        call("epitaxy", "eval", "csp", str(tmp_path), "prototypes", "--workers", "0"),
        "samples.json is damaged",
    )


def test_an_unexpected_error_is_a_sentence_and_debug_shows_where(tmp_path: Path) -> None:
    words = ("data", "list")
    with mock.patch("epitaxy.apps.cli.listings.list_datasets", side_effect=ZeroDivisionError("by nothing")):
        refused(call("epitaxy", *words), "unexpected, ZeroDivisionError: by nothing", "--debug", status=1)
        shown = call("epitaxy", *words, "--debug")
    assert shown.returncode == 1
    assert "Traceback" in shown.stderr


@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-3"])
def test_times_that_are_none(seconds: str, tmp_path: Path) -> None:
    words = ("eval", "dng", str(tmp_path), "--timeout", seconds)
    refused(call("epitaxy", *words), "--timeout", "positive")
    refused(call("epitaxy", "relax", str(tmp_path), "--out", "a.csv", *words[3:]), "--timeout", "positive")


@pytest.mark.parametrize(("rank", "lines"), [("0", 1), ("1", 0)])
def test_of_several_processes_one_reports(
    rank: str, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_RANK", rank)
    with reporting("training") as progress:
        progress(3, 3, "loss 1")
    assert capsys.readouterr().err.count("training: 3/3 loss 1") == lines

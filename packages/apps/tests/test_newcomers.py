"""What a newcomer meets first: names, help, refusals, cards, curves, comparisons."""

import json
import re
import resource
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightning.fabric.plugins.precision.precision import _PRECISION_INPUT_INT, _PRECISION_INPUT_STR
from pydantic import BaseModel
from pymatgen.core import Element, Lattice, Structure
from typer.main import get_command

from epitaxy.apps import KLDM, CrysBFN, UsageError, load
from epitaxy.apps.cli import compare as command
from epitaxy.apps.cli.plot import run_plot
from epitaxy.apps.crystals.data import load_crystals
from epitaxy.apps.evaluation.comparison import Compared, compare
from epitaxy.apps.evaluation.shortlist import SHORTLIST_FORMATS
from epitaxy.apps.foundation.checks import check_potential
from epitaxy.apps.foundation.elements import SYMBOLS, check_formula
from epitaxy.apps.foundation.folders import shipped
from epitaxy.apps.foundation.names import (
    BOND_TABLE_NAMES,
    CUTOFF_NAMES,
    FORMAT_NAMES,
    MEASURED_NAMES,
    MODELS,
    PART_NAMES,
    POTENTIAL_NAMES,
    PRECISIONS,
    PROTOCOL_NAMES,
    SAMPLERS,
    SPLIT_NAMES,
    TABLE_NAMES,
)
from epitaxy.apps.foundation.recipe_keys import RECIPE_KEYS
from epitaxy.apps.generative.recipes import recipes_of
from epitaxy.apps.report.page import Section, write_page
from epitaxy.apps.report.structure3d import colour
from epitaxy.apps.requests.formulas import parse_formula
from epitaxy.data import DATASETS, SPLITS
from epitaxy.eval import TABLE_NAMES as EVAL_TABLES
from epitaxy.eval.csp import PROTOCOLS, match_csp
from epitaxy.eval.dng import PARTS
from epitaxy.eval.fingerprints import DATASETS as WITH_CUTOFFS
from epitaxy.eval.molecules import BOND_TABLES, PROPERTY_UNITS
from epitaxy.eval.stability import load_potential
from epitaxy.flows import KineticDiffusion, LinearBeta, VariancePreserving
from epitaxy.flows._bayesian import BAYESIAN_SAMPLERS
from epitaxy.geometry import FlatTorus

CURVE = "step,split,loss,learning_rate\n1,train,2.0,0.1\n2,train,1.0,0.1\n2,val,1.5,0.1\n"


def processor_seconds(*command: str) -> float:
    """The least of three runs, children and the system's part included."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *command], capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(once() for _ in range(3))


def test_a_command_line_is_there_at_once() -> None:
    """As ratios to a Python that does nothing: 0.03 and 0.25 s where that takes 0.015."""
    nothing = max(0.01, processor_seconds("-c", "pass"))
    assert processor_seconds("-c", "import epitaxy.apps") < 15 * nothing
    assert processor_seconds("-m", "epitaxy.apps.cli.main", "--help") < 30 * nothing


@pytest.mark.parametrize(
    ("module", "words", "said"),
    [
        ("main", ["eval", "dng", "nosuch"], "nosuch: there is no such file or folder"),
        ("main", ["eval", "csp", "perov_5", "perov5"], "did you mean 'perov_5'"),
        ("main", ["eval", "csp", "perov_5", "perov_5", "--protocol", "x"], "--protocol x: choose cdvae"),
        ("main", ["eval", "dng", "perov_5", "--parts", "coverage,x"], "--parts x"),
        ("main", ["compare", "kldm-perov-small", "perov_5", "--sampler", "x"], "--sampler x: choose recipe"),
        ("main", ["average", "kldm-mp20", "--out", "x"], "name two models or more"),
        ("crysbfn", ["sample", "crysbfn-perov", "--out", "x"], "did you mean 'crysbfn-perov-small'"),
        ("geobfn", ["sample", "geobfn-qm9-small", "--out", "x", "--sampler", "best"], "--sampler best"),
        ("symmbfn", ["sample", "symmbfn-mp20-small", "--out", "x", "--device", "tpu"], "--device tpu"),
        ("crysbfn", ["sample", "kldm-perov-small", "--out", "x"], "use the command 'kldm'"),
        ("kldm", ["sample", "kldm-mp20", "--out", "x", "--formula", "LiCx"], "'LiCx' is not a chemical"),
        ("kldm", ["sample", "kldm-mp20", "--out", "x", "--elements", "Li,Xx"], "--elements Xx"),
        ("kldm", ["sample", "kldm-mp20", "--out", "x", "--property", "gap"], "write NAME=NUMBER"),
        ("kldm", ["sample", "kldm-mp20", "--out", "x", "--temperature", "nan"], "--temperature nan"),
        ("kldm", ["train", "--data", "perov_5", "--out", "x", "--precision", "17"], "--precision 17"),
        ("kldm", ["train", "--resume", "--out", "nosuch"], "nosuch holds no run"),
        ("kldm", ["train", "--data", "perov_5", "--out", "x", "--set", "training.passes"], "write key=value"),
        (
            "kldm",
            ["train", "--data", "perov_5", "--out", "x", "--set", "training.steps=3"],
            "no key 'training",
        ),
        ("kldm", ["train", "--data", "perov_5", "--out", "x", "--set", "symprec=3"], "no key 'symprec'"),
        (
            "kldm",
            ["train", "--data", "perov_5", "--out", "x", "--set", "network.hidden=abc"],
            "a valid integer",
        ),
        (
            "symmbfn",
            ["train", "--data", "perov_5", "--out", "x", "--set", "training.optimiser=sgd"],
            "'adamw' or 'muon'",
        ),
        ("geobfn", ["train", "--data", "qm9", "--out", "x", "--set", "network.heads=7"], "of the 7 heads"),
        (
            "symmbfn",
            ["train", "--data", "perov_5", "--out", "x", "--set", "network.composition=true"],
            "it wants multiplicities as well",
        ),
        (
            "crysbfn",
            [
                "train",
                "--from",
                "crysbfn-perov-small",
                "--data",
                "perov_5",
                "--out",
                "x",
                "--set",
                "training.passes=0",
            ],
            "greater than 0",
        ),
        ("symmbfn", ["sample", "symmbfn-mp20-small", "--out", "x", "--spacegroup", "Fm3mm"], "is no space"),
        ("main", ["search", "SrTiO3", "--out", "x", "--spacegroup", "Fm3mm"], "--spacegroup Fm3mm"),
        ("kldm", ["sample", "kldm-mp20", "--out", "x", "--fix", "nosuch"], "--fix nosuch: there is no such"),
        (
            "geobfn",
            ["sample", "geobfn-qm9-small", "--out", "x", "--like", "no"],
            "--like no: there is no such",
        ),
        ("main", ["eval", "dng", "perov_5", "--cutoffs", "tight"], "--cutoffs tight: choose mp_20"),
        ("main", ["eval", "dng", "perov_5", "--split", "tset"], "--split tset: choose train"),
        ("main", ["eval", "molecules", "qm9", "--table", "x"], "--table x: choose edm"),
        ("main", ["measure", "g2", "--out", "x.csv", "--property", "alpha=1"], "choose homo, lumo, gap"),
        ("main", ["measure", "g3", "--out", "x.csv"], "g3"),
        ("main", ["relax", "perov_5", "--out", "x.csv", "--format", "x"], "--format x: choose cif"),
        ("kldm", ["info", "papre"], "did you mean 'paper'"),
        ("main", ["relax", "perov_5", "--out", "x.csv", "--potential", "chgnot"], "--potential chgnot"),
        ("main", ["compare", "kldm-perov", "perov_5"], "did you mean 'kldm-perov-small'"),
        ("main", ["data", "fetch", "perov5"], "did you mean 'perov_5'"),
        ("main", ["data", "info", "perov5"], "did you mean 'perov_5'"),
        ("main", ["search", "srtio3", "--out", "x"], "'srtio3' is not a chemical formula"),
        ("main", ["search", "Li-fe-O", "--out", "x"], "did you mean Fe"),
        ("main", ["search", "SrTiO3", "--out", "x", "--spacegroup", "231"], "--spacegroup 231"),
        ("main", ["search", "SrTiO3", "--out", "x", "--model", "kldm-mp"], "did you mean 'kldm-mp20'"),
        ("main", ["search", "SrTiO3", "--out", "x", "--potential", "chgnot"], "--potential chgnot"),
        ("main", ["search", "SrTiO3", "--out", "x", "--hull", "mp20"], "did you mean 'mp_20'"),
    ],
)
def test_a_wrong_word_is_refused_before_anything_heavy_is_imported(
    module: str, words: list[str], said: str
) -> None:
    code = (
        f"import sys; from epitaxy.apps.cli.{module} import app\n"
        "try: app(sys.argv[1:], standalone_mode=False)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "print('HEAVY', [m for m in ('torch', 'pymatgen', 'scipy', 'numpy') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("UsageError"), answer.stdout
    assert said in answer.stdout
    assert "HEAVY []" in answer.stdout


@pytest.mark.parametrize("words", [["models"], ["data", "list"]])
def test_lists_are_there_at_once(words: list[str]) -> None:
    code = (
        "import sys; from epitaxy.apps.cli.main import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "print('HEAVY', [m for m in ('torch', 'pymatgen', 'scipy', 'numpy') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert "mp_20" in answer.stdout
    assert "HEAVY []" in answer.stdout


def sections(annotation: object) -> list[type[BaseModel]]:
    """The configurations that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in get_args(annotation) for found in sections(inner)]


def recipe_keys(config: type[BaseModel], prefix: str = "") -> set[str]:
    keys = set[str]()
    for name, known in config.model_fields.items():
        keys.add(prefix + name)
        for inner in sections(known.annotation):
            keys |= recipe_keys(inner, f"{prefix}{name}.")
    return keys


@pytest.mark.parametrize("model", MODELS)
def test_the_keys_refused_early_are_those_of_no_recipe(model: str) -> None:
    assert recipe_keys(recipes_of(model).schema) == RECIPE_KEYS[model]


def test_the_cheap_words_are_those_of_the_packages() -> None:
    kinetic = KineticDiffusion(manifold=FlatTorus(1.0)).samplers
    preserving = VariancePreserving(schedule=LinearBeta(low=0.1, high=20.0)).samplers
    assert set(SAMPLERS) == {*BAYESIAN_SAMPLERS, *kinetic, *preserving}
    assert tuple(PROTOCOLS) == PROTOCOL_NAMES
    assert tuple(EVAL_TABLES) == TABLE_NAMES
    assert PART_NAMES == PARTS
    assert tuple(BOND_TABLES) == BOND_TABLE_NAMES
    assert tuple(PROPERTY_UNITS) == MEASURED_NAMES
    assert set(WITH_CUTOFFS) == set(CUTOFF_NAMES)
    assert SPLITS == SPLIT_NAMES
    assert SHORTLIST_FORMATS == FORMAT_NAMES
    assert tuple(Element.from_Z(z).symbol for z in range(1, 119)) == SYMBOLS
    for name in POTENTIAL_NAMES:
        check_potential(name)
        with suppress(ImportError):  # the name is known; its package is an extra
            load_potential(name)
    lightning = {str(word) for word in get_args(_PRECISION_INPUT_STR) + get_args(_PRECISION_INPUT_INT)}
    assert lightning | {"bf16"} == set(PRECISIONS)


def test_a_wrong_group_is_refused_before_pymatgen() -> None:
    code = (
        "import sys; from epitaxy.apps.foundation.checks import check_group\n"
        "try: check_group('Fm-3x')\nexcept Exception as error: print(error)\n"
        "print([m for m in ('pymatgen', 'scipy') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--spacegroup Fm-3x: 'Fm-3x' is no space group" in answer.stdout
    assert answer.stdout.endswith("[]\n")


@pytest.mark.parametrize(
    "formula", ["SrTiO3", "SrTiO\u2083", "D2O", "Ca(OH)2", "CoO", "Mg2 Si O4", "[Sr]TiO3"]
)
def test_no_formula_is_refused_too_soon(formula: str) -> None:
    check_formula(formula)
    assert parse_formula(formula)


@given(st.text(alphabet="SrTiOXxo3(). ", min_size=1, max_size=8))
def test_what_is_refused_at_once_is_no_formula(word: str) -> None:
    try:
        check_formula(word)
    except UsageError:
        with pytest.raises(UsageError):
            parse_formula(word)


def test_known_metrics_come_without_what_only_fingerprints_need() -> None:
    """CrystalNN brings networkx and scipy's statistics: a second of every command that samples."""
    code = "import sys, epitaxy.eval; print([m for m in ('networkx', 'scipy.stats') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"


def test_curves_are_drawn_without_torch(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(CURVE)
    code = (
        "import sys; from epitaxy.apps.cli.main import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "print([m for m in ('torch', 'lightning', 'pymatgen', 'scipy') if m in sys.modules])"
    )
    words = ["plot", str(tmp_path), "--out", str(tmp_path / "curves.html")]
    answer = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert answer.stdout.endswith("[]\n")


def test_any_model_by_one_door() -> None:
    assert isinstance(load("crysbfn-perov-small"), CrysBFN)
    assert isinstance(load("kldm-perov-small"), KLDM)
    with pytest.raises(UsageError, match="no shipped model"):
        load("nosuch")


def test_a_model_says_in_a_line_what_it_is() -> None:
    text = repr(load("kldm-perov-small"))
    assert re.fullmatch(r"KLDM\(kldm, csp, trained on perov_5, CSPNet of [\d,]+ parameters\)", text), text


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_card_carries_the_licence_of_the_data(name: str) -> None:
    folder = shipped()[name]
    licence = DATASETS[json.loads((folder / "recipe.json").read_text())["dataset"]].licence
    assert f"Licence of the data: {licence}." in (folder / "card.md").read_text()


def test_runs_are_drawn_side_by_side(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.csv").write_text(CURVE)
    runs = [str(tmp_path / "one"), str(tmp_path / "two" / "metrics.csv")]
    run_plot(runs, tmp_path / "curves.html")
    text = (tmp_path / "curves.html").read_text()
    assert all(run in text for run in runs)
    assert "validation loss 1.5 after 2 steps" in text
    run_plot(runs, tmp_path / "curves.svg")
    first = (tmp_path / "curves.svg").read_bytes()
    run_plot(runs, tmp_path / "curves.svg")
    assert first == (tmp_path / "curves.svg").read_bytes()
    with pytest.raises(UsageError, match=r"\.html or \.svg"):
        run_plot(runs, tmp_path / "curves.txt")
    with pytest.raises(UsageError, match="no run folder"):
        run_plot([str(tmp_path / "no")], tmp_path / "curves.svg")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match=r"no metrics\.csv"):
        run_plot([str(tmp_path / "other.csv")], tmp_path / "curves.svg")


def test_samplers_are_compared_on_one_set_of_weights(csp_run: Path, dng_run: Path) -> None:
    data = load_crystals("prototypes", "test", limit=3)
    rows = list(compare(CrysBFN.load(str(csp_run)), data, samplers=("recipe", "bayes"), steps=(2, 3)))
    assert [(row.sampler, row.steps, row.evaluations) for row in rows] == [
        ("recipe", 2, 2), ("recipe", 3, 3), ("bayes", 2, 2), ("bayes", 3, 3),
    ]  # fmt: skip
    assert all(len(row.result.matches) == 3 and row.seconds > 0 for row in rows)
    with pytest.raises(UsageError, match="--task csp"):
        list(compare(CrysBFN.load(str(dng_run)), data))


def test_a_comparison_is_told_in_per_cent_with_its_interval(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of four matched, exactly: 25 %, and Wilson's interval of it."""
    known = [Structure(Lattice.cubic(4.0 + k), ["Na", "Cl"], [[0, 0, 0], [0.5] * 3]) for k in range(4)]
    guess = [known[0], *[Structure(Lattice.cubic(4.0), ["Na", "K"], [[0, 0, 0], [0.5] * 3])] * 3]
    result = match_csp({str(k): [one] for k, one in enumerate(guess)}, dict(zip("0123", known, strict=True)))
    row = Compared(sampler="bayes", steps=5, evaluations=7, result=result, seconds=0.25)
    monkeypatch.setattr(command, "compare", lambda *_, **__: [row])
    words = command.CompareOptions(
        model="kldm-perov-small", dataset="prototypes", samplers=("bayes",), steps=(5,), protocol="crysbfn",
        split="test", limit=3, root=None, seed=0,
    )  # fmt: skip
    command.run_compare(words)
    assert "| bayes | 5 | 7 | 25.0 % | 4.6 to 69.9 | 0.000 | 0.250 |" in capsys.readouterr().out


def test_a_page_reads_on_a_phone_and_in_the_dark(tmp_path: Path) -> None:
    sections = [Section(title="S", figures=[go.Figure()])]
    write_page(tmp_path / "p.html", title="T", sections=sections, lead="12 % of <all>.")
    text = (tmp_path / "p.html").read_text()
    assert '<meta name="viewport" content="width=device-width' in text
    assert "prefers-color-scheme: dark" in text
    assert text.index("12 % of &lt;all&gt;.") < text.index("<h2>")


def test_elements_have_the_usual_colours() -> None:
    assert (colour("O"), colour("N"), colour("Fe")) == ("#ff0d0d", "#3050f8", "#e06633")
    assert colour("Og") == colour("no element") == "#ff00ff"


def test_help_has_examples_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    from epitaxy.apps.cli.crysbfn import app

    app(["sample", "--help"], standalone_mode=False)
    shown = re.sub(r"[\s│]+", " ", capsys.readouterr().out)
    assert "crysbfn sample crysbfn-perov-small --formula SrTiO3" in shown
    assert "(default: the recipe's" in shown
    assert "end_back" in shown


def test_every_command_has_an_example() -> None:
    """One that begins with its own name."""
    for name in ("main", "crysbfn", "kldm", "symmbfn", "geobfn"):
        app = import_module(f"epitaxy.apps.cli.{name}").app
        called = "epitaxy" if name == "main" else name
        left: list[tuple[str, Any]] = [(called, get_command(app))]
        while left:
            words, command = left.pop()
            left += [(f"{words} {verb}", sub) for verb, sub in getattr(command, "commands", {}).items()]
            if not hasattr(command, "commands"):
                assert f"Examples:\n\n{words}" in (command.epilog or ""), words

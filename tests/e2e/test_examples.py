"""Every example of the READMEs and of the pages beside the tutorials runs, in short; none is forgotten."""

import re
import zipfile
from itertools import islice
from pathlib import Path

import pandas as pd
import pytest
import torch
from ase.io import write
from shortened import APPS, run_command

from epitaxy.apps.crystals.data import load_crystals
from epitaxy.apps.molecules.data import load_molecules

ROOT = Path(__file__).parents[2]
ELSEWHERE = {
    r"pip install .*": "CI and `nox -s isolated` install",
    r"(pip install nox && )?nox .*": "sessions; CI runs the tests', test_cli.py the quickstart's command",
    r"torchrun .*": "several processes: test_processes.py",
    r"python benchmarks/\w+\.py .*": "a measurement; tests/device/test_cuda.py runs the GPU's dry",
    r"\w+ train \.\.\. .*": "words that go with any; their names are checked by test_readme.py",
    r"for kind in .*|do|done": "a loop of the shell, around commands that do run",
}
"""Lines that are not run here, and why."""
EMBEDDED = {"perov_5": "prototypes", "mp_20": "prototypes", "qm9": "g2"}
"""Data that come with the package, in the place of those that do not."""
PROPERTIES = {
    "formation_energy_per_atom": "density", "e_above_hull": "density", "band_gap": "volume_per_atom",
    "homo": "zpe", "mu": "U0",
}  # fmt: skip
"""What these have, for models that the page trains."""
SHORTER = {
    "sample": ("--num", "2"),
    "compare": ("--limit", "4"),
    "search": (
        "--potential", "ase:lj", "--num", "1", "--max-steps", "1", "--steps", "2", "--max-atoms", "6",
        "--reference", "prototypes", "--proposals", "prototypes,random",
    ),
    "relax": ("--potential", "ase:lj", "--max-steps", "1", "--limit", "4", "--workers", "0"),
}  # fmt: skip


def pages() -> list[str]:
    """Pages with examples; the tutorials run as a whole, and what was measured ran for hours."""
    found = [ROOT / "README.md", *ROOT.glob("packages/*/README.md"), *ROOT.glob("docs/*.md")]
    return sorted(str(page.relative_to(ROOT)) for page in found if "```" in page.read_text())


def blocks(page: str, languages: str) -> list[str]:
    return re.findall(rf"^```(?:{languages})\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[str]:
    """Return the lines of a page's shell blocks, without comments, continued ones as one."""
    text = re.sub(r"\s*`#[^`]*`", "", "\n".join(blocks(page, "bash|sh"))).replace("\\\n", " ")
    lines = [line.split(" #")[0].strip() for line in text.splitlines()]
    return [re.sub(r"\s+", " ", line) for line in lines if line and not line.startswith("#")]


def elsewhere(line: str) -> bool:
    return any(re.fullmatch(pattern, f"{line} ".strip()) for pattern in ELSEWHERE)


def with_what_is_here(line: str) -> str:
    """Return the command for embedded data, a CPU, and a model that is there."""
    for name, embedded in EMBEDDED.items():
        line = re.sub(rf"(?<=\s){name}(?=\s|$)", embedded, line)
    if "mp20-small" not in line and "qm9-small" not in line:
        for name, embedded in PROPERTIES.items():
            line = re.sub(rf"\b{name}\b", embedded, line)
    shipped = " crysbfn-perov-small "
    if not Path("runs/perov").exists() and " sample " in line:
        line = line.replace(" runs/perov ", shipped)
    line = line.replace("--device cuda", "--device cpu").replace(" RUN ", shipped)
    line = line.replace("samples/", "found.extxyz" if "eval molecules" in line else "ours/")
    return re.sub(r"--limit \d+", "--limit 4", line)


def what_pages_take_for_granted(folder: Path) -> None:
    """A user's own crystals, as one and as many, and folders of samples of earlier commands."""
    crystals = load_crystals("prototypes", "test", limit=60)
    made = {name: crystals.structure(n) for n, name in enumerate(crystals.ids)}
    texts = {name: crystal.to(fmt="cif") for name, crystal in made.items()}
    columns = {"id": [f"mine-{n}" for n in range(len(texts))], "cif": list(texts.values())}
    numbers = {name: [float(n) for n in range(len(texts))] for name in ("band_gap", "volume_per_atom")}
    for name in ("my.csv", "mine.csv", "theirs.csv.gz"):
        pd.DataFrame({**columns, **numbers}).to_csv(folder / name, index=False)
    next(crystal for crystal in made.values() if len(crystal) >= 4).to(filename=str(folder / "mine.cif"))
    write(folder / "found.extxyz", load_molecules("g2", "test").molecules())
    with zipfile.ZipFile(folder / "theirs.zip", "w") as archive:
        for name, text in texts.items():
            archive.writestr(f"{name}.cif", text)
    for name in ("ours", "steps-10", "steps-50", "steps-200"):
        (folder / name).mkdir()
        for crystal, text in islice(texts.items(), 6):
            (folder / name / f"{crystal}.cif").write_text(text)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in pages() if not all(map(elsewhere, commands(page)))])
@pytest.mark.filterwarnings("ignore")
def test_commands_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    what_pages_take_for_granted(tmp_path)
    state = torch.get_rng_state()
    for line in commands(page):
        if elsewhere(line):
            continue
        verb = line.split()[1]
        more = SHORTER.get(verb, ())
        run_command(
            with_what_is_here(line), *(("--set", "training.batch_size=8") if verb == "train" else more)
        )
    torch.set_rng_state(state)


@pytest.mark.parametrize("page", pages())
def test_every_command_runs_or_is_named(page: str) -> None:
    for line in commands(page):
        assert elsewhere(line) or line.split()[0] in APPS, line


def test_every_python_example_has_a_test() -> None:
    """Those of the packages run in the packages' tests, where only their own dependencies are."""
    for page in pages():
        package = re.fullmatch(r"packages/(\w+)/README.md", page)
        if blocks(page, "python") and package and package[1] != "apps":
            assert (ROOT / "packages" / package[1] / "tests" / "test_readme.py").is_file(), page
        elif blocks(page, "python"):
            assert page in ("README.md", "packages/apps/README.md", "docs/architecture.md"), page


def test_nothing_else_stands_in_a_block() -> None:
    """Another language would be an example that no test finds."""
    for page in pages():
        found = set(re.findall(r"^```(\w+)$", (ROOT / page).read_text(), re.MULTILINE))
        assert found <= {"python", "bash", "sh", "text"}, page

"""Every way to run the project: ``nox -l`` lists them, ``nox -s quickstart`` is where to begin."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import nox

nox.needs_version = ">=2024.3.2"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "lint", "typecheck"]

NEEDS = {
    "geometry": [],
    "flows": ["geometry"],
    "models": ["geometry"],
    "data": ["geometry"],
    "eval": [],
    "apps": ["geometry", "flows", "models", "data", "eval"],
}
PACKAGES = list(NEEDS)
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def install(session: nox.Session, *paths: str) -> None:
    """Install local packages under the project's pins (torch above all)."""
    session.install("-c", "constraints.txt", *paths)


def editable(*, testing: bool) -> list[str]:
    """Return pip's words for all six packages, editable."""
    extras = dict.fromkeys(PACKAGES, "[testing]" if testing else "")
    if testing:
        extras["geometry"] = "[tables,testing]"  # pyxtal, to make the table of space groups again
    return [word for name in PACKAGES for word in ("-e", f"./packages/{name}{extras[name]}")]


@nox.session
def quickstart(session: nox.Session) -> None:
    """Train, sample and score a small CrysBFN on embedded crystals; write one HTML page. Under 5 minutes."""
    install(session, *editable(testing=False))
    session.run("epitaxy", "quickstart", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests but the slow and the GPU ones."""
    install(session, *editable(testing=True), "pytest-xdist", "pytest-timeout", "nbclient", "ipykernel")
    words = session.posargs or [
        "-m",
        "not slow and not gpu",
        "-n",
        str(CORES),
        "--dist",
        "worksteal",
        "--timeout",
        "300",
        "--timeout-method",
        "thread",
    ]
    # Bytecode is kept even where the shell says otherwise: a hundred processes start, of 280 modules each.
    session.run("pytest", *words, env={"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""})


@nox.session
def slow(session: nox.Session) -> None:
    """The tests that take minutes each."""
    install(session, *editable(testing=True), "pytest-timeout")
    session.run("pytest", "-m", "slow and not gpu", *session.posargs)


@nox.session
def gpu(session: nox.Session) -> None:
    """The tests that need a CUDA device, then figures of every model into gpu.json. Under 9 minutes."""
    install(session, *editable(testing=True), "pytest-timeout")
    install(session, "-e", "./packages/eval[torchsim]")
    session.run("pytest", "-m", "gpu")
    session.run("python", "benchmarks/gpu.py", *(session.posargs or ["--minutes", "6"]))


@nox.session
def fuzz(session: nox.Session) -> None:
    """Read damaged files: ``nox -s fuzz -- 5m`` for five minutes, ``-- 20000`` for as many inputs."""
    install(session, *editable(testing=True))
    session.run("python", "tests/fuzz/run.py", *session.posargs, env={"OMP_NUM_THREADS": "1"})


@nox.session
def mutants(session: nox.Session) -> None:
    """Change one place at a time, a test must fail: ``nox -s mutants -- --package flows --minutes 60``."""
    install(session, *editable(testing=True), "pytest-timeout", "cosmic-ray")
    session.run("pytest", "-q", "tests/mutants")  # the tool itself, which the other sessions skip
    session.run("python", "tests/mutants/run.py", *session.posargs)


@cache
def wheels() -> dict[str, Path]:
    """Build the wheels of all six packages, once in a run of nox; return them by package."""
    folder = Path(".nox", "wheels").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    sources = [f"./packages/{name}" for name in PACKAGES]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, *sources],
        check=True,
    )
    return {name: next(folder.glob(f"epitaxy_{name}-*.whl")) for name in PACKAGES}


PROOF = """
import sys
from importlib import import_module, metadata
name = sys.argv[1]
module = import_module(f"epitaxy.{name}")
for public in module.__all__:  # without any extra
    getattr(module, public)
assert "site-packages" in module.__file__, f"{module.__file__} is no wheel's"
files = [str(file) for file in metadata.files(f"epitaxy-{name}")]
assert any(file.endswith("licenses/LICENSE") for file in files), "the wheel has no licence"
print(metadata.version(f"epitaxy-{name}"), len(files), "files")
"""
EXTRAS_ALONE = {  # what must not come with a package unless an extra asks for it
    "geometry": ("pymatgen", "lightning", "pydantic", "torch-geometric", "scipy"),
    "flows": ("pymatgen", "lightning", "pydantic", "torch-geometric", "scipy"),
    "models": ("pymatgen", "lightning", "pydantic", "torch-geometric", "scipy"),
    "data": ("torch-geometric", "lightning", "pydantic"),
    "eval": ("torch", "chgnet", "Cython", "nvidia-ml-py3", "rdkit", "ase", "tblite"),
    "apps": ("torch-geometric", "chgnet", "Cython", "nvidia-ml-py3", "rdkit", "tblite", "pyxtal"),
}


@nox.session(reuse_venv=False)
@nox.parametrize("package", PACKAGES, ids=PACKAGES)
def isolated(session: nox.Session, package: str) -> None:
    """One package from its wheel, in an empty environment with what it names; its own tests.

    All six unless named, ``nox -s "isolated(geometry)"``; words after -- go to pytest.
    """
    built = wheels()
    siblings = [str(built[name]) for name in NEEDS[package]]
    install(session, *siblings, str(built[package]))
    listed = session.run("pip", "list", "--format", "freeze", silent=True)
    installed = {line.partition("==")[0] for line in str(listed).splitlines()}
    if too_many := installed.intersection(EXTRAS_ALONE[package]):
        session.error(f"epitaxy-{package} pulls in {', '.join(sorted(too_many))}")
    folder = session.create_tmp()  # away from the checkout, so that only what is installed is imported
    tests_copy = os.path.join(folder, "tests")
    shutil.rmtree(tests_copy, ignore_errors=True)
    shutil.copytree(f"packages/{package}", tests_copy, ignore=shutil.ignore_patterns("src", "__pycache__"))
    for name in ("pyproject.toml", "conftest.py", "constraints.txt"):
        shutil.copy(name, folder)
    session.chdir(folder)
    session.run("python", "-c", PROOF, package, env={"PYTHONPATH": ""})
    install(session, *siblings, f"{built[package]}[testing]", "pytest-timeout")
    session.run(
        "pytest",
        "tests",
        "-m",
        "not slow and not gpu",
        *session.posargs,
        env={"OMP_NUM_THREADS": str(CORES), "PYTHONPATH": ""},
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and the architecture's import rules."""
    session.install("-c", "constraints.txt", "ruff", "import-linter")
    session.install("--no-deps", *editable(testing=False))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def typecheck(session: nox.Session) -> None:
    """Mypy, strict, over the whole namespace and the benchmarks."""
    install(session, *editable(testing=True), "mypy", "pandas-stubs", "scipy-stubs")
    session.run("mypy", *[word for name in PACKAGES for word in ("-p", f"epitaxy.{name}")])
    session.run("mypy", *map(str, sorted(Path("benchmarks").glob("*.py"))))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into .nox/site, strictly; pages open from the folder, and nothing is fetched."""
    session.install("-c", "constraints.txt", "mkdocs-material", "mkdocstrings[python]", "latex2mathml")
    session.install("--no-deps", *editable(testing=False))
    session.run("mkdocs", "build", "--strict", *session.posargs, env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def train(session: nox.Session) -> None:
    """Pass the words after -- to an app: ``nox -s train -- crysbfn --data perov_5 --out runs/perov``."""
    if not session.posargs:
        session.error("say what to train: nox -s train -- crysbfn --data perov_5 --out runs/perov")
    install(session, *editable(testing=False))
    app, *words = session.posargs
    session.run(app, "train", *words)


@nox.session
def bench(session: nox.Session) -> None:
    """Benchmarks: ratios measured side by side in one run. Words after -- choose files by name."""
    install(session, *editable(testing=True))
    chosen = session.posargs or ["cspnet", "circular_draw", "prepare"]
    for name in chosen:
        session.run("python", f"benchmarks/{name}.py")

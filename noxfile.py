"""Every way to run the project: ``nox -l`` lists them, ``nox -s quickstart`` is where to begin."""

import os
import shutil

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
    install(session, *editable(testing=True), "pytest-xdist", "pytest-timeout")
    words = session.posargs or [
        "-m",
        "not slow and not gpu",
        "-n",
        str(CORES),
        "--timeout",
        "300",
        "--timeout-method",
        "thread",
    ]
    session.run("pytest", *words, env={"OMP_NUM_THREADS": "1"})


@nox.session
def slow(session: nox.Session) -> None:
    """The tests that take minutes each."""
    install(session, *editable(testing=True), "pytest-timeout")
    session.run("pytest", "-m", "slow and not gpu", *session.posargs)


@nox.session
def gpu(session: nox.Session) -> None:
    """The tests that need a CUDA device, then figures of every model into gpu.json. Under 9 minutes."""
    install(session, *editable(testing=True), "pytest-timeout")
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


@nox.session(reuse_venv=False)
@nox.parametrize("package", PACKAGES, ids=PACKAGES)
def isolated(session: nox.Session, package: str) -> None:
    """One package, not editable, in an empty environment with what it names; its own tests."""
    siblings = [f"./packages/{name}" for name in NEEDS[package]]
    install(session, *siblings, f"./packages/{package}")
    installed = session.run("pip", "list", "--format", "freeze", silent=True) or ""
    if package == "geometry":
        heavy = [
            name
            for name in ("pymatgen", "lightning", "pydantic", "torch-geometric", "scipy")
            if f"\n{name}==" in installed
        ]
        if heavy:
            session.error(f"epitaxy-geometry pulls in {', '.join(heavy)}")
    install(session, *siblings, f"./packages/{package}[testing]", "pytest-timeout")
    folder = session.create_tmp()  # away from the checkout, so that only what is installed is imported
    tests_copy = os.path.join(folder, "tests")
    shutil.rmtree(tests_copy, ignore_errors=True)
    shutil.copytree(f"packages/{package}", tests_copy, ignore=shutil.ignore_patterns("src", "__pycache__"))
    shutil.copy("pyproject.toml", folder)
    shutil.copy("conftest.py", folder)
    session.chdir(folder)
    session.run("pytest", "tests", "-m", "not slow and not gpu", env={"OMP_NUM_THREADS": str(CORES)})


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
    """Mypy, strict, over the whole namespace."""
    install(session, *editable(testing=True), "mypy", "pandas-stubs", "scipy-stubs")
    session.run("mypy", *[word for name in PACKAGES for word in ("-p", f"epitaxy.{name}")])


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

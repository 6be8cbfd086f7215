"""What the repository promises about its own shape."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("geometry", "flows", "models", "data", "eval", "apps")


def project(name: str) -> dict:
    return tomllib.loads((ROOT / "packages" / name / "pyproject.toml").read_text())["project"]


def test_epitaxy_is_a_namespace() -> None:
    assert not list(ROOT.glob("packages/*/src/epitaxy/__init__.py"))


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_is_complete(name: str) -> None:
    folder = ROOT / "packages" / name
    assert (folder / "README.md").stat().st_size > 400
    assert (folder / "src/epitaxy" / name / "py.typed").is_file()
    assert list((folder / "tests").glob("test_*.py"))
    assert project(name)["requires-python"] == ">=3.11,<3.14"


def test_one_version_for_all() -> None:
    """VERSION is the one place; what must repeat it agrees."""
    version = (ROOT / "VERSION").read_text().strip()
    series = ".".join(version.split(".")[:2])
    later = f"{series.split('.')[0]}.{int(series.split('.')[1]) + 1}"
    for name in PACKAGES:
        described = project(name)
        assert described["dynamic"] == ["version"]
        assert "version" not in described
        siblings = [need for need in described["dependencies"] if need.startswith("epitaxy-")]
        assert all(need.endswith(f">={series},<{later}") for need in siblings), name
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_carries_the_licence_and_no_address(name: str) -> None:
    folder = ROOT / "packages" / name
    assert project(name)["license-files"] == ["LICENSE"]
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert "://" not in (folder / "pyproject.toml").read_text()
    assert "://" not in (ROOT / "constraints.txt").read_text() + (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize("name", PACKAGES)
def test_extras_name_what_exists(name: str) -> None:
    """An extra of a sibling that another package asks for is one that the sibling has."""
    described = project(name)
    extras = described.get("optional-dependencies", {})
    for need in [*described["dependencies"], *(need for needs in extras.values() for need in needs)]:
        found = re.match(r"epitaxy-(\w+)\[([\w,]+)\]", need)
        if found:
            asked = set(found[2].split(","))
            assert asked <= set(project(found[1])["optional-dependencies"]), need


def test_nobody_is_told_to_install_what_is_not_published() -> None:
    """Documents and error messages: a checkout's folders, or another project's package."""
    for file in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("packages/**/*.md")]:
        assert not re.search(r"pip install [^\n`]*\bepitaxy-", file.read_text()), file
    for file in ROOT.glob("packages/*/src/**/*.py"):
        assert not re.search(r"pip install [^\n]*\bepitaxy-", file.read_text()), file


def test_geometry_needs_nothing_heavy() -> None:
    names = {re.split(r"[<>=]", need)[0] for need in project("geometry")["dependencies"]}
    assert names == {"torch", "numpy", "jaxtyping"}


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    module = importlib.import_module(f"epitaxy.{name}")
    assert len(set(module.__all__)) == len(module.__all__) > 0
    for public in module.__all__:
        value = getattr(module, public)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, f"epitaxy.{name}.{public} has no docstring"


@pytest.mark.parametrize("name", ["geometry", "flows", "models"])
def test_light_packages_import_nothing_heavy(name: str) -> None:
    code = (
        f"import sys, epitaxy.{name}; "
        "heavy = ('pymatgen', 'ase', 'lightning', 'pydantic', 'plotly', 'torch_geometric', 'scipy'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_no_file_names_a_package_index_or_download() -> None:
    pattern = re.compile(r"(index-url|extra-index-url)\s*=|://\S+\.(whl|tgz)")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    for line in tracked.stdout.split():
        file = ROOT / line
        if file.suffix in {".py", ".toml", ".md", ".txt"} and file != Path(__file__) and file.is_file():
            assert not pattern.search(file.read_text()), line


def test_no_module_uses_global_randomness() -> None:
    banned = {"manual_seed", "seed_everything"}
    # Initial weights: torch has no other way to seed a module's constructor.
    allowed = {"training/run.py", "training/fine_tuning.py"}
    for file in ROOT.glob("packages/*/src/epitaxy/**/*.py"):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                on_module = isinstance(owner, ast.Name) and owner.id in {"torch", "L", "np", "random"}
                if node.func.attr in banned and on_module:
                    assert any(str(file).endswith(name) for name in allowed), file


def test_no_empty_ignore() -> None:
    for file in ROOT.glob("packages/*/src/epitaxy/**/*.py"):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if "type: ignore" in line:
                assert re.search(r"type: ignore\[[a-z, -]+\]\s+#\s*\S+", line), (
                    f"{file}:{number} gives no reason"
                )


def modules() -> dict[str, Path]:
    """Every module of the six packages, by its name."""
    found = {}
    for file in ROOT.glob("packages/*/src/epitaxy/**/*.py"):
        parts = file.relative_to(ROOT).with_suffix("").parts[3:]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imported(file: Path, known: dict[str, Path]) -> set[str]:
    """What a module imports, in its functions too, but for what only its types name."""
    names: set[str] = set()
    left: list[ast.AST] = [ast.parse(file.read_text())]
    while left:
        node = left.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} has a relative import"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in known else str(node.module) for name in inner}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        left += ast.iter_child_nodes(node)
    return names & known.keys()


def test_no_imports_go_in_circles() -> None:
    """Between modules, and between the folders and files that stand side by side in a package."""
    known = modules()
    imports = {name: imported(file, known) for name, file in known.items()}
    for package in ["epitaxy", *(name for name, file in known.items() if file.name == "__init__.py")]:
        depth = package.count(".") + 2
        graph: dict[str, set[str]] = {}
        for name, others in imports.items():
            inside = {".".join(o.split(".")[:depth]) for o in others if o.startswith(f"{package}.")}
            if name.startswith(f"{package}."):
                child = ".".join(name.split(".")[:depth])
                graph.setdefault(child, set()).update(inside - {child})
        TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("stub", sorted(ROOT.glob("packages/*/src/epitaxy/**/__init__.pyi")), ids=str)
def test_a_lazy_package_has_what_its_stub_says(stub: Path) -> None:
    name = ".".join(stub.relative_to(ROOT).parts[3:-1])
    package = importlib.import_module(name)
    written = next(node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.Assign))
    assert sorted(ast.literal_eval(written.value)) == package.__all__ == dir(package)
    assert all(hasattr(package, public) for public in package.__all__)
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert not modules & set(package.__all__), "importing such a module would hide what has its name"
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = package.no_such_name

"""The tutorials do what they say: their blocks run in order, in short; what is generated is true."""

import importlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from shortened import APPS, run_command

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = torch.get_rng_state()
    names: dict[str, Any] = {"__name__": page.stem.replace("-", "_")}
    found = re.findall(r"```(python|bash)\n(.*?)```", page.read_text(), re.DOTALL)
    assert found
    for language, block in found:
        if language == "python":
            exec(compile(block, str(page), "exec", dont_inherit=True), names)
            continue
        for line in block.replace("\\\n", " ").splitlines():
            if line.split(" ")[0] in APPS:
                run_command(line)
    torch.set_rng_state(state)
    for suite in [value for name, value in names.items() if name.startswith("Test")]:
        laws = [law for law in dir(suite) if law.startswith("test_")]
        assert laws
        for law in laws:
            getattr(suite(), law)()


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "_site" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_floors_are_drawn_from_the_code() -> None:
    floors = loaded("floors")
    packages, apps = floors.HOUSES
    for house in (packages, apps):
        assert house.picture.read_text() == house.drawn(), "run python docs/_site/floors.py"
    assert ("flows", "models") not in packages.imports()
    assert ("training", "crystals") not in apps.imports()


def test_every_figure_has_a_name_that_can_be_read() -> None:
    from epitaxy.apps.report.definitions import catalogue

    rows = [row for kind in catalogue().values() for row in kind]
    assert len(rows) > 50
    assert all(re.fullmatch(r"[\w@*/]+", name) and words.endswith(".") for name, _, words in rows)


def test_every_public_name_has_an_entry_in_the_reference() -> None:
    """Of the six packages, and of what they have inside that exports names."""
    reference = loaded("reference")
    found = reference.modules()
    assert {"geometry", "flows", "models", "data", "eval", "apps"} <= {
        module.removeprefix("epitaxy.") for module in found
    }
    for module, names in found.items():
        assert sorted(names) == sorted(importlib.import_module(module).__all__), module
        page = reference.reference_page(module, names).splitlines()
        assert all(f"::: {module}.{name}" in page for name in names)


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        assert f": {page.relative_to(ROOT / 'docs')}" in text, page

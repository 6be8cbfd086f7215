"""The notebooks of the two main stories: their cells run, and what is stored beside them was their output."""

import json
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))


def texts(notebook: Any) -> list[str]:
    """What the cells print and return; what goes to the screen aside of that differs by machine."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    told = ["".join(o.get("text", "") for o in outputs if o.get("name") == "stdout")]  # however it came
    return told + [o["data"]["text/plain"] for o in outputs if o["output_type"] == "execute_result"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    stored = texts(notebook)
    assert stored
    nbclient.NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert len(texts(notebook)) == len(stored)
    if path.stem == "score":  # no network in it: the same to the last digit
        assert texts(notebook) == stored


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_trace_of_a_machine(path: Path) -> None:
    text = path.read_text()
    assert "/work/" not in text
    assert "/home/" not in text
    cells = json.loads(text)["cells"]
    assert all(cell["execution_count"] for cell in cells if cell["cell_type"] == "code")

from pathlib import Path

from pymatgen.core import Lattice, Structure

from epitaxy.apps.report.curves import loss_figure
from epitaxy.apps.report.page import Section, write_page
from epitaxy.apps.report.structure3d import structure_figure

ROCKSALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def test_a_structure_shows_the_images_on_its_faces() -> None:
    figure = structure_figure(ROCKSALT, title="NaCl")
    sodium = next(trace for trace in figure.data if trace.name == "Na")
    assert len(sodium.x) == 14  # 8 corners and 6 face centres
    assert structure_figure(Structure(Lattice.cubic(3), ["Og"], [[0, 0, 0]]), title="").data


def test_a_page_is_self_contained(tmp_path: Path) -> None:
    rows = [{"step": str(k), "split": s, "loss": "0.5"} for k in range(3) for s in ("train", "val")]
    sections = [
        Section(title="Loss <1>", figures=[loss_figure(rows)]),
        Section(title="Numbers", header=("metric", "value"), rows=[("match rate", "50.0 %")], note="a & b"),
        Section(title="Structures", figures=[structure_figure(ROCKSALT, title="NaCl")], gallery=True),
    ]
    page = tmp_path / "page.html"
    write_page(page, title="Title", sections=sections)
    text = page.read_text()
    assert "Loss &lt;1&gt;" in text
    assert "a &amp; b" in text
    assert 'src="http' not in text
    assert "<link" not in text.split("</style>")[0]

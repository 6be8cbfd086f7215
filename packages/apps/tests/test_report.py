import json
from pathlib import Path

import numpy as np
import pytest
from cells import face_centred
from pymatgen.core import Lattice, Structure

from epitaxy.apps.report.charts import (
    density_figure,
    energies_figure,
    rates_figure,
    shares_figure,
    space_groups_figure,
    steps_figure,
)
from epitaxy.apps.report.curves import loss_figure
from epitaxy.apps.report.definitions import meaning
from epitaxy.apps.report.evaluation import score_sections
from epitaxy.apps.report.molecule3d import molecule_figure
from epitaxy.apps.report.page import Section, write_page
from epitaxy.apps.report.scores import Scored, count_text, figure_rows, interval_text, score_rows, value_text
from epitaxy.apps.report.structure3d import structure_figure
from epitaxy.apps.report.turntable import can_turn, turntable
from epitaxy.eval import Report, evaluate_validity, match_csp
from epitaxy.eval.csp import match_everyone
from epitaxy.eval.dng import evaluate_dng
from epitaxy.eval.molecules import Molecules, evaluate_molecules
from epitaxy.eval.stability import AsePotential, Hull, RelaxSettings, evaluate_stability

ROCKSALT = face_centred(5.64, "Na", "Cl")


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


def test_a_gallery_needs_no_webgl(tmp_path: Path) -> None:
    """Browsers give a page some sixteen contexts: every structure is on a canvas of its own instead."""
    figures = [structure_figure(ROCKSALT, title=f"<{n}>") for n in range(40)]
    write_page(tmp_path / "g.html", title="T", sections=[Section(title="G", figures=figures, gallery=True)])
    text = (tmp_path / "g.html").read_text()
    assert text.count('<canvas class="turn"') == 40
    assert "Plotly.newPlot(" not in text[text.index("<body>") :]
    assert "&lt;7&gt;" in text
    models = [json.loads(part.split("</script>")[0]) for part in text.split('type="application/json">')[1:]]
    assert [len(model["atoms"]) for model in models] == [14 + 13] * 40  # the images on faces among them
    assert {atom["name"] for atom in models[0]["atoms"]} == {"Na", "Cl"}
    assert sum(point is None for point in models[0]["lines"][0]["points"]) == 12  # the edges of a cell


def test_what_stands_beside_a_canvas_cannot_end_its_script() -> None:
    figure = structure_figure(ROCKSALT, title="a</script><b>")
    figure.data[1].name = "</script><b>"
    drawn = turntable(figure)
    assert drawn.count("</script>") == 1
    assert "<b>" not in drawn
    assert not can_turn(density_figure({}, [1.0, 2.0], quantity="q"))


def test_a_table_of_numbers_and_words(tmp_path: Path) -> None:
    rows = [("first", "10.0 %", "3 of 4", "word"), ("7", "none", "12", "8")]
    section = Section(title="T", header=("a", "b", "c", "d"), rows=rows, about={"first": "what <it> is"})
    write_page(tmp_path / "t.html", title="T", sections=[section])
    text = (tmp_path / "t.html").read_text().split("<body>")[1]
    assert "first<small>what &lt;it&gt; is</small>" in text
    assert text.count('<td class="number short">') == 4  # the first column names, the last has a word
    assert '<th class="number">b</th>' in text


def report() -> Report:
    """Three of four samples valid, and a figure that is missing."""
    return Report(
        protocol={"name": "dng", "definition": "as <told>"},
        counts={"samples": 4, "validity_smact14": 3, "unreadable": 1},
        metrics={"validity_smact14": 0.75, "wasserstein_density": 0.25, "novelty": None},
        intervals={"validity_smact14": (0.3, 0.95)},
        notes={"novelty": "no training crystals were given", "unreadable": "look"},
    )


def test_figures_as_text() -> None:
    held = report()
    assert value_text(held, "validity_smact14") == "75.00 %"
    assert value_text(held, "wasserstein_density") == "0.2500 g/cm³"
    assert value_text(held, "novelty") == "none"
    assert interval_text(held, "validity_smact14") == "30.00 % to 95.00 %"
    assert count_text(held, "validity_smact14") == "3 of 4"
    assert score_rows(held)[0] == ("validity_smact14", "75.00 %", "30.00 % to 95.00 %")
    one = [Scored(name="a", report=held)]
    two = [*one, Scored(name="b", report=held)]
    assert figure_rows(one)[0] == ("validity_smact14", "75.00 %", "30.00 % to 95.00 %", "3 of 4")
    assert figure_rows(two)[0] == ("validity_smact14", *["75.00 % [30.00, 95.00]"] * 2)


def test_the_sections_of_every_page(tmp_path: Path) -> None:
    sets = [Scored(name="a", report=report(), rejects={"x.cif": "no cell & no atoms"})]
    write_page(tmp_path / "page.html", title="T", sections=score_sections(sets))
    text = (tmp_path / "page.html").read_text()
    for part in ("as &lt;told&gt;", "no training crystals", "no cell &amp; no atoms", "structurally and"):
        assert part in text


def reports() -> list[Report]:
    """One report of each kind, of the smallest sets."""
    named = {"a": ROCKSALT}
    csp = match_csp({"a": [ROCKSALT]}, named, protocol="strict").report()
    everyone = match_everyone(named, named).report()
    copper = Structure(Lattice.cubic(3.6), ["Cu"], [[0, 0, 0]])
    water = Molecules.from_pairs([([8, 1, 1], np.array([[0, 0, 0.12], [0, 0.76, -0.47], [0, -0.76, -0.47]]))])
    stability = evaluate_stability(
        {"c": copper},
        hull=Hull(source="", statement="", entries=()),
        potential=AsePotential(calculator="emt"),
        settings=RelaxSettings(max_steps=0),
    )
    return [
        csp,
        everyone,
        evaluate_validity(named).report(),
        evaluate_dng(named, named, train=named, asked_groups={"a": 225}).report(),
        evaluate_molecules(water, reference=[]).report(),
        stability.report(),
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_metric_has_a_definition() -> None:
    for held in reports():
        kind = str(held.protocol["name"])
        for name in held.metrics:
            known = [meaning(n, kind).definition for n in (name, f"metre_{name}")]
            assert any(known), f"{kind}: {name}"
            value_text(held, name), count_text(held, name)


def test_charts_take_what_there_is() -> None:
    sets = [Scored(name=name, report=report()) for name in ("a", "b")]
    bars = rates_figure(sets, ["validity_smact14", "novelty"])
    assert [trace.name for trace in bars.data] == ["a", "b"]
    assert list(bars.data[0].x) == ["validity_smact14"]
    assert bars.data[0].error_y.arrayminus[0] == pytest.approx(45.0)
    densities = density_figure({"a": [1.0, 2.0], "none": []}, [1.0, 3.0], quantity="density")
    assert [sum(trace.y) for trace in densities.data] == [pytest.approx(1.0), pytest.approx(1.0), 0]
    shares = shares_figure({"a": [1.0, 1.0, 2.0]}, [], quantity="elements")
    assert list(shares.data[1].y) == pytest.approx([2 / 3, 1 / 3])
    assert density_figure({}, [], quantity="nothing").data
    groups = space_groups_figure({"a": [225, 225, 1], "b": []}, [225, 62])
    assert [list(trace.x) for trace in groups.data] == [[62, 225], [1, 225], []]
    assert list(groups.data[1].y) == pytest.approx([1 / 3, 2 / 3])
    assert groups.data[0].text[1] == "Fm-3m (225)"
    assert space_groups_figure({}, []).data


def test_energies_far_above_the_hull_are_counted_not_drawn() -> None:
    figure = energies_figure({"a": [0.05, 4.0, -0.1]})
    assert list(figure.data[0].y) == [-0.1, 0.05, 4.0]
    assert "(1 above 1)" in figure.layout.yaxis.title.text
    low, high = figure.layout.yaxis.range
    assert low < -0.1
    assert 1.0 < high < 1.2
    assert energies_figure({}).layout.yaxis.range[1] > 0.1


def test_match_rate_against_steps_is_a_line_a_model() -> None:
    def scored(rate: float) -> Scored:
        made = Report(
            protocol={"name": "loose", "definition": ""}, counts={"references": 1, "matched@1": 1},
            metrics={"match_rate@1": rate},
        )  # fmt: skip
        return Scored(name="s", report=made)

    figure = steps_figure([("m", 50, scored(0.6)), ("m", 5, scored(0.2)), ("n", 5, scored(0.1))])
    assert [list(trace.x) for trace in figure.data] == [[5, 50], [5]]
    assert list(figure.data[0].y) == pytest.approx([20.0, 60.0])


def test_a_molecule_shows_its_bonds() -> None:
    ethene = np.array([[0.0, 0.0, 0.66], [0.0, 0.0, -0.66]])
    figure = molecule_figure([6, 0], ethene, [(0, 1, 2)], title="C=?")
    lines = np.array(figure.data[0].x, dtype=float)
    assert len(lines) == 1 + 2 * 3  # a gap, and two lines of two points and a gap
    assert {trace.name for trace in figure.data[1:]} == {"C", "no element (0)"}

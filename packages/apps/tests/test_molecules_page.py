import json
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule

from epitaxy.apps.molecules.writing import write_molecules
from epitaxy.apps.report.depict import MOST_ATOMS, depict
from epitaxy.apps.report.molecules_page import write_gallery
from epitaxy.apps.requests.request import TargetedRequest
from epitaxy.apps.requests.sample import Sample
from epitaxy.eval.molecules import bond_orders
from epitaxy.geometry import MoleculeBatch, Segments

NO_BONDS = np.zeros((0, 3), dtype=np.int64)
METHANE = ([6, 1, 1, 1, 1], [(0, i, 1) for i in range(1, 5)])


def batch(molecules: Sequence[Atoms]) -> MoleculeBatch:
    return MoleculeBatch(
        segments=Segments.from_counts([len(atoms) for atoms in molecules]),
        positions=torch.from_numpy(np.concatenate([atoms.positions for atoms in molecules])),
        numbers=torch.from_numpy(np.concatenate([atoms.numbers for atoms in molecules]).astype(np.int64)),
        ids=tuple(f"{k:06d}" for k in range(len(molecules))),
    )


def page(path: Path, molecules: MoleculeBatch, titles: Sequence[str], **options: int) -> str:
    write_gallery(path, molecules, bond_orders(molecules).rows(), titles, **options)
    return path.read_text()


def models(text: str) -> list[dict[str, list[dict[str, list[object]]]]]:
    """What each canvas shows."""
    return [json.loads(part.split("</script>")[0]) for part in text.split('type="application/json">')[1:]]


def formulas(text: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(f"<svg{part.split('</svg>')[0]}</svg>") for part in text.split("<svg")[1:]]


def test_a_gallery_shows_the_first_molecules_in_space_and_in_the_plane(tmp_path: Path) -> None:
    pytest.importorskip("rdkit")
    listed = [molecule(name) for name in ("CH4", "H2O", "CO2", "C2H4")]
    text = page(tmp_path / "g.html", batch(listed), [f"<{k}><br>it" for k in range(4)], limit=3)
    assert "The first 3 of 4 molecules" in text
    assert [len(model["atoms"]) for model in models(text)] == [5, 3, 3]
    assert len(formulas(text)) == 3
    assert "&lt;2&gt;<br>it" in text
    assert "&lt;3&gt;" not in text
    assert "RDKit refuses" not in text
    whole = page(tmp_path / "g.html", batch(listed), ["t"] * 4)
    assert "4 molecules" in whole
    assert len(models(whole)) == 4


def test_each_molecule_has_its_own_bonds(tmp_path: Path) -> None:
    """A line of a bond is two points and a gap; an order of two draws two of them."""
    molecules = batch([molecule(name) for name in ("H2O", "CO2", "N2")])
    text = page(tmp_path / "g.html", molecules, ["a", "b", "c"])
    lines = [len(model["lines"][0]["points"]) for model in models(text)]
    assert lines == [1 + 3 * orders for orders in (2, 4, 3)]


def test_a_page_of_canvases_is_small_and_alone(tmp_path: Path) -> None:
    text = page(tmp_path / "g.html", batch([molecule("C6H6")] * 30), ["benzene"] * 30, limit=30)
    assert text.count('<canvas class="turn"') == 30
    assert len(text) < 500_000  # plotly alone has 4.5 million characters
    assert 'src="' not in text
    assert "<?xml" not in text


def test_without_rdkit_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("rdkit", "rdkit.Chem", "rdkit.Chem.Draw"):
        monkeypatch.setitem(sys.modules, name, None)
    text = page(tmp_path / "g.html", batch([molecule("CH4")]), ["methane"])
    assert "1 molecule<" in text
    assert "need RDKit: pip install rdkit" in text
    assert len(models(text)) == 1
    assert formulas(text) == []


def test_what_is_no_gallery(tmp_path: Path) -> None:
    two = batch([molecule("H2"), molecule("N2")])
    for titles, limit in ((["one"], 24), (["one", "two"], 0)):
        with pytest.raises(ValueError, match="one title a molecule and a limit of at least 1"):
            write_gallery(tmp_path / "g.html", two, NO_BONDS, titles, limit=limit)
    with pytest.raises(ValueError, match="two molecules; number atoms through the whole batch"):
        write_gallery(tmp_path / "g.html", two, np.array([[1, 2, 1]]), ["one", "two"])
    assert list(tmp_path.iterdir()) == []


def test_a_sound_molecule_is_drawn_without_its_hydrogens() -> None:
    pytest.importorskip("rdkit")
    numbers, bonds = METHANE
    svg, refusal = depict(numbers, bonds)
    assert refusal is None
    assert svg is not None
    assert svg.startswith("<svg")
    ethane = depict([6, 6, *[1] * 6], [(0, 1, 1), *((k // 3, 2 + k, 1) for k in range(6))])
    assert ethane.refusal is None
    assert "bond-0" in str(ethane.svg)
    assert "bond-1" not in str(ethane.svg)


def test_a_missing_hydrogen_is_not_filled_in() -> None:
    pytest.importorskip("rdkit")
    numbers, bonds = METHANE
    radical = depict(numbers[:-1], bonds[:-1])
    assert radical.refusal is None
    assert "<ellipse" in str(radical.svg)  # the mark
    assert "<ellipse" not in str(depict(numbers, bonds).svg)


def test_what_rdkit_refuses_is_drawn_as_it_is() -> None:
    pytest.importorskip("rdkit")
    crowded = depict([6, *[1] * 5], [(0, i, 1) for i in range(1, 6)])
    assert "valence" in str(crowded.refusal).lower()
    assert str(crowded.svg).count("class='bond-") >= 5
    assert str(crowded.svg).count("<ellipse") == 1
    apart = depict([6, *[1] * 6], [(0, i, 1) for i in range(1, 6)])
    assert str(apart.svg).count("<ellipse") == 2  # the hydrogen that is bonded to nothing, too


@pytest.mark.parametrize(
    ("numbers", "bonds"),
    [
        ([6, 6], [(0, 0, 1)]),
        ([6, 6], [(0, 1, 1), (0, 1, 2)]),
        ([6, 6], [(0, 1, 4)]),
        ([6, 119], [(0, 1, 1)]),
        ([6, -1], [(0, 1, 1)]),
        ([6, 6], [(0, 2, 1)]),
    ],
)
def test_what_is_no_graph_has_no_formula_but_a_reason(
    numbers: list[int], bonds: list[tuple[int, int, int]]
) -> None:
    pytest.importorskip("rdkit")
    svg, refusal = depict(numbers, bonds)
    assert svg is None
    assert refusal


def test_no_net_that_rdkit_would_choke_on_is_drawn() -> None:
    """Its layout takes minutes, or crashes the process, where everything is bonded to everything."""
    pytest.importorskip("rdkit")
    dense = [(i, j, 1) for j in range(100) for i in range(j)]
    svg, refusal = depict([6] * 100, dense)
    assert svg is None
    assert "valence" in str(refusal).lower()
    chain = [(i, i + 1, 1) for i in range(MOST_ATOMS)]
    assert depict([6] * MOST_ATOMS, chain[:-1]).svg is not None
    assert depict([6] * (MOST_ATOMS + 1), chain) == (None, None)


def test_samples_come_with_a_gallery(tmp_path: Path) -> None:
    requests = [
        TargetedRequest(id=f"{k:06d}", seed=k, num_atoms=3, targets={"alpha": 12.5}) for k in range(3)
    ]
    made = [molecule("H2O"), None, molecule("CO2")]
    samples = [
        Sample(request=request, structure=atoms, reason="" if atoms else "not finite")
        for request, atoms in zip(requests, made, strict=True)
    ]
    write_molecules(tmp_path, samples)
    text = (tmp_path / "gallery.html").read_text()
    assert "2 molecules" in text
    assert "000000.sdf: H2O<br>target_alpha = 12.5" in text
    assert "000001.sdf: CO2" in text
    assert sorted(path.name for path in (tmp_path / "sdf").iterdir()) == ["000000.sdf", "000001.sdf"]

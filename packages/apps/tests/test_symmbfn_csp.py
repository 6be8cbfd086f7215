"""SymmBFN for given compositions: trained, sampled, scored."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from pymatgen.core import Lattice, Structure
from typer.testing import CliRunner

from epitaxy.apps import SymmBFN, UsageError
from epitaxy.apps.asymmetric_units.data import load_asymmetric_units
from epitaxy.apps.asymmetric_units.model import WyckoffModel
from epitaxy.apps.asymmetric_units.requests import for_compositions
from epitaxy.apps.asymmetric_units.symmetry import Symmetry
from epitaxy.apps.cli.main import app as epitaxy
from epitaxy.apps.cli.symmbfn import app
from epitaxy.apps.config import apply_overrides
from epitaxy.apps.crystals.data import compositions, load_crystals
from epitaxy.apps.generative.kind import build_model
from epitaxy.apps.generative.recipes import preset
from epitaxy.data.wyckoff import WyckoffDataset, WyckoffStatistics, site_points
from epitaxy.eval.symmetry import has_symmetry
from epitaxy.geometry import SharedRng
from epitaxy.geometry.symmetry import crystal_system, lattice_points, wyckoff_table


@pytest.fixture(scope="module")
def units() -> WyckoffDataset:
    return load_asymmetric_units("prototypes", "val", symprec=0.1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> Path:
    return make_run(tmp_path_factory.mktemp("csp") / "run", "csp", "network.embedding=16", model="symmbfn")


def test_points_that_sites_fix_are_those_of_the_data(units: WyckoffDataset) -> None:
    """Else what is pinned in sampling is not what training showed."""
    fixed = wyckoff_table().freedom[units.sites] == 0
    assert fixed.any()
    torch.testing.assert_close(site_points()[units.sites][fixed], units.positions[fixed], rtol=0, atol=1e-9)


def test_a_given_crystal_keeps_elements_and_positions_and_what_is_fixed(run: Path) -> None:
    """``like`` and ``fix`` of a model that is given its composition: points and cell alone are made."""
    model = SymmBFN.load(str(run))
    rutile = Structure.from_spacegroup(
        "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]
    )
    for words in ({"like": rutile, "strength": 0.5}, {"fix": rutile, "free": "3"}):
        made = [s.crystal for s in model.samples(model.requests(num=2, seed=0, **words), steps=4)]
        assert any(one is not None for one in made)
        for one in made:
            assert one is None or one.composition == rutile.composition
            assert one is None or has_symmetry(one, 136)
            if "fix" in words and one is not None:
                assert one.lattice.a == pytest.approx(rutile.lattice.a, abs=1e-9)
                assert abs(one.frac_coords[2:] - rutile.frac_coords[2:]).max() > 1e-6
    with pytest.raises(UsageError, match="--free-what both: this model is given its composition"):
        model.requests(fix=rutile, free="3", free_what="both", num=1, seed=0)


def test_what_is_given_has_no_flow_and_no_head(units: WyckoffDataset) -> None:
    """And what sites fix is exact at every time, without loss, though the truth be shifted."""
    recipe = preset("quickstart", model="symmbfn", task="csp", dataset="prototypes")
    model = build_model(recipe, WyckoffStatistics.of(units))
    assert isinstance(model, WyckoffModel)
    assert set(model.flow.flows) == set(model.targets(units.batch([0]))) == {"positions", "lattice"}
    batch, source = units.batch(range(20)), SharedRng(torch.Generator().manual_seed(0))
    given = model.given(batch, source=source)
    flow, time = model.flow_on(model.flow, given), torch.linspace(0, 1, 20)
    states = flow.corrupt(model.targets(batch), time, segments=batch.segments, source=source)
    fixed = wyckoff_table().freedom[batch.sites] == 0
    torch.testing.assert_close(states["positions"][fixed], batch.positions[fixed])
    assert not torch.equal(states["positions"][~fixed], batch.positions[~fixed])
    model.weighted(model.losses(batch, time, source=source)).backward()
    assert all(p.grad is not None for p in model.network.parameters()), "a weight that nothing trains"


def test_a_task_and_its_flows_go_together() -> None:
    recipe = preset("small", model="symmbfn", task="csp", dataset="mp_20")
    for word in ("species.beta1=1", "task=dng"):
        with pytest.raises(UsageError):
            apply_overrides(recipe, [word])


def test_the_composition_and_the_group_are_kept(run: Path) -> None:
    model = SymmBFN.load(str(run))
    with pytest.raises(UsageError, match="--formula SrTiO3"):
        model.requests(num=1, seed=0)
    crystals = model.sample(num=4, formula=["NaCl", "SrTiO3"], spacegroup="Pm-3m", steps=4)
    assert Counter(c.composition.reduced_formula for c in crystals) == {"NaCl": 4, "SrTiO3": 4}
    for crystal in crystals:
        assert has_symmetry(crystal, 221) or crystal.distance_matrix[0, 1:].min() < 0.5


def test_a_structure_does_not_depend_on_its_batch(run: Path) -> None:
    model = SymmBFN.load(str(run))
    requests = model.requests(num=5, seed=3, formula="NaCl")
    whole, alone = (model.samples(requests, steps=4, batch_size=size) for size in (5, 1))
    for a, b in zip(whole, alone, strict=True):
        assert a.crystal is not None
        assert b.crystal is not None
        assert abs(a.crystal.volume - b.crystal.volume) < 1e-2 * b.crystal.volume


def test_known_cells_keep_their_atoms(run: Path) -> None:
    """A request's orbits are as many atoms as the primitive cell has; what fits no group is refused."""
    model = SymmBFN.load(str(run))
    table, statistics = wyckoff_table(), model.model.statistics
    known = set(statistics.vocabulary.numbers)
    every = compositions(load_crystals("prototypes", "test", limit=30))
    cells: dict[str, Sequence[int]] = {name: cell for name, cell in every.items() if set(cell) <= known}
    assert len(cells) > 5
    cells |= {"no": [118, 8], "odd": [min(known)] * 301}
    requests = for_compositions(cells, Symmetry(), statistics, num=3, seed=1)
    assert [request.id for request in requests] == [name for name in cells for _ in range(3)]
    for request in requests:
        if request.occupation is None:
            assert request.id in ("no", "odd")
            assert "Og" in str(request.refusal) or "fit no space group" in str(request.refusal)
            continue
        found: Counter[int] = Counter()
        for z, site in request.occupation:
            assert int(table.number[site]) == request.space_group
            found[z] += int(table.multiplicity[site])
        points = lattice_points(request.space_group)
        assert found == {z: n * points for z, n in Counter(cells[request.id]).items()}
    pair = cells[next(name for name in cells if len(cells[name]) == 2)]
    cubic = for_compositions({"a": pair}, Symmetry(systems=("cubic",)), statistics, num=9, seed=0)
    assert {crystal_system(request.space_group) for request in cubic} == {"cubic"}


def test_from_a_composition_to_a_score(run: Path, tmp_path: Path) -> None:
    out, scores = tmp_path / "out", tmp_path / "scores.json"
    words = ["sample", str(run), "--compositions", "prototypes", "--num", "2", "--limit", "8", "--steps", "4"]
    result = CliRunner().invoke(app, [*words, "--out", str(out)])
    assert result.exit_code == 0, result.output
    words = ["eval", "csp", str(out), "prototypes", "--protocol", "cdvae", "--json", str(scores)]
    result = CliRunner().invoke(epitaxy, [*words, "--workers", "0"])
    assert result.exit_code == 0, result.output
    assert json.loads(scores.read_text())
    clash = CliRunner().invoke(
        app,
        [
            "sample",
            str(run),
            "--compositions",
            "prototypes",
            "--formula",
            "NaCl",
            "--out",
            str(tmp_path / "no"),
        ],
    )
    assert isinstance(clash.exception, UsageError)

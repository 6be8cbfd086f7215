"""SymmBFN: symmetry by construction, groups and compositions on request, properties."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.io import read
from pymatgen.core import Lattice, Structure
from torch import Tensor

from epitaxy.apps import SymmBFN, UsageError
from epitaxy.apps.asymmetric_units.data import load_asymmetric_units
from epitaxy.apps.asymmetric_units.model import GivenOrbits, WyckoffModel
from epitaxy.apps.asymmetric_units.recipe import WyckoffRecipe
from epitaxy.apps.config import apply_overrides
from epitaxy.apps.crystals.cells import cell_samples, sound_cells
from epitaxy.apps.generative.kind import kind_of
from epitaxy.apps.generative.model import States
from epitaxy.apps.generative.recipes import preset
from epitaxy.apps.requests.request import Request
from epitaxy.data.wyckoff import WyckoffDataset, WyckoffStatistics
from epitaxy.eval import structural_validity
from epitaxy.eval.symmetry import has_symmetry
from epitaxy.flows import ProductFlow
from epitaxy.geometry import Segments, SharedRng
from epitaxy.geometry.symmetry import crystal_system, lattice_bias, lattice_mask

EVERY_SYSTEM = (2, 14, 62, 139, 166, 194, 225)
TINY = (
    "network.hidden=32",
    "network.layers=2",
    "network.frequencies=4",
    "network.embedding=16",
    "network.time_dim=16",
)


@pytest.fixture(scope="module")
def units() -> WyckoffDataset:
    return load_asymmetric_units("prototypes", "val", symprec=0.1)


@pytest.mark.parametrize(("tolerance", "number"), [(0.1, 221), (0.001, 99)])
def test_a_recipes_tolerance_is_that_of_its_groups(tmp_path: Path, tolerance: float, number: int) -> None:
    """CsCl of which one atom is 0.02 Å out of place: cubic to 0.1 Å, and polar to 0.001."""
    crystal = Structure(Lattice.cubic(4.0), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.505]])
    (tmp_path / "data" / "train").mkdir(parents=True)
    (tmp_path / "data" / "train" / "a.cif").write_text(crystal.to(fmt="cif"))
    recipe = preset("small", model="symmbfn", task="dng", dataset=str(tmp_path / "data"))
    data = kind_of("symmbfn").load(apply_overrides(recipe, [f"symprec={tolerance}"]), "train", None)
    assert data.space_groups.tolist() == [number]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> Path:
    return make_run(tmp_path_factory.mktemp("symm") / "run", "dng", "network.embedding=16", model="symmbfn")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> Path:
    words = ('conditioning.properties=["density","volume_per_atom"]', "network.embedding=16")
    return make_run(tmp_path_factory.mktemp("told") / "run", "dng", *words, model="symmbfn")


def made(units: WyckoffDataset, *words: str) -> WyckoffModel:
    recipe = preset("small", model="symmbfn", task="dng", dataset="prototypes")
    assert isinstance(recipe, WyckoffRecipe)
    torch.manual_seed(0)
    return WyckoffModel(apply_overrides(recipe, [*TINY, *words]), WyckoffStatistics.of(units))


def test_every_crystal_has_the_symmetry_it_was_asked_for(run: Path) -> None:
    """A hardly trained model and groups it never saw: symmetry owes nothing to training."""
    model = SymmBFN.load(str(run))
    requests = model.requests(num=4, seed=0, spacegroup=EVERY_SYSTEM)
    assert [request.space_group for request in requests] == [g for g in EVERY_SYSTEM for _ in range(4)]
    samples = model.samples(requests, steps=5)
    kept = [(s.request.space_group, s.crystal) for s in samples if s.crystal is not None]  # type: ignore[attr-defined]  # requests of this model have one
    assert len(kept) >= 20
    for number, crystal in kept:
        distances = crystal.distance_matrix + 10 * np.eye(len(crystal))
        if len(crystal) < 200 and distances.min() > 0.5:  # spglib refuses overlapping atoms
            assert has_symmetry(crystal, number)


def test_a_structure_does_not_depend_on_its_batch(run: Path) -> None:
    model = SymmBFN.load(str(run))
    requests = model.requests(num=6, seed=3)
    whole, alone = (model.samples(requests, steps=4, batch_size=size) for size in (6, 1))
    for a, b in zip(whole, alone, strict=True):
        assert (a.crystal is None) == (b.crystal is None)
        if a.crystal is not None and b.crystal is not None:
            assert a.crystal.species == b.crystal.species
            assert np.allclose(a.crystal.lattice.matrix, b.crystal.lattice.matrix, rtol=1e-3, atol=1e-3)


def test_a_composition_and_a_group_are_both_kept(run: Path) -> None:
    model = SymmBFN.load(str(run))
    crystals = model.sample(num=5, formula="NaCl", spacegroup=[225, 221], steps=4)
    assert len(crystals) == 10
    for k, crystal in enumerate(crystals):
        assert crystal.composition.reduced_formula == "NaCl"
        assert has_symmetry(crystal, 225 if k < 5 else 221) or crystal.distance_matrix[0, 1:].min() < 0.5
    drawn = model.requests(num=8, seed=0, formula="NaCl")
    assert {request.space_group for request in drawn} <= set(model.model.statistics.space_groups)


def test_groups_go_by_any_name_and_crystals_keep_theirs(run: Path) -> None:
    model = SymmBFN.load(str(run))
    for names in ("Fm-3m", ["F m -3 m", "225"], (225,)):
        requests = model.requests(num=1, seed=0, spacegroup=names)  # type: ignore[arg-type]  # three kinds
        assert {request.space_group for request in requests} == {225}
    crystals = model.sample(num=2, spacegroup="Pnma", steps=3)
    assert all(crystal.properties == {"spacegroup": 62} for crystal in crystals)


def test_groups_are_drawn_as_training_has_them(run: Path) -> None:
    model = SymmBFN.load(str(run))
    requests = model.requests(num=2000, seed=1)
    seen = model.model.statistics.space_groups
    total = sum(seen.values())
    found = [request.space_group for request in requests]
    assert set(found) <= set(seen)
    for number, count in seen.items():
        share = count / total
        assert abs(found.count(number) / 2000 - share) < 5 * (share * (1 - share) / 2000) ** 0.5 + 1e-9
    cubic = model.requests(num=50, seed=1, crystal_system="cubic")
    assert {crystal_system(request.space_group) for request in cubic} == {"cubic"}
    assert all(r.num_atoms in model.model.statistics.orbits_of(r.space_group) for r in requests)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"spacegroup": 231}, "1 to 230"),
        ({"spacegroup": 0}, "1 to 230"),
        ({"spacegroup": "Fm-4m"}, "--spacegroup Fm-4m: 'Fm-4m' is no space group"),
        ({"spacegroup": [225, True]}, "1 to 230"),
        ({"crystal_system": "cubik"}, "did you mean 'cubic'"),
        ({"crystal_system": "cubic", "spacegroup": 225}, "exclude each other"),
        ({"crystal_system": "triclinic"}, "no triclinic crystals"),
        ({"formula": "SrTiO3", "spacegroup": 225, "formula_units": 1}, "impossible in space group 225"),
        ({"formula": "OgO"}, "not trained on Og"),
        ({"formula": "SrTiO3", "formula_units": 10**6}, "a cell of 5000000 atoms is beyond"),
        ({"formula_units": 2}, "needs a --formula"),
        ({"properties": {"density": 1.0}}, "trained without properties"),
        ({"guidance": 1.0}, "name one with --property"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    run: Path, words: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        SymmBFN.load(str(run)).requests(num=1, seed=0, **words)  # type: ignore[arg-type]  # wrong on purpose
    assert "\n" not in str(caught.value)


def test_properties_are_told_hidden_and_steered(told: Path) -> None:
    model = SymmBFN.load(str(told))
    assert model.model.conditions.names == ("density", "volume_per_atom")
    with pytest.raises(UsageError, match="did you mean 'density'"):
        model.requests(num=1, seed=0, properties={"densty": 1.0})
    plain, asked, steered = (
        model.samples(model.requests(num=3, seed=0, spacegroup=225, **words), steps=4)  # type: ignore[arg-type]  # by words
        for words in ({}, {"properties": {"density": 3.0}}, {"properties": {"density": 3.0}, "guidance": 2.0})
    )
    volumes = [[s.crystal.volume for s in set_ if s.crystal is not None] for set_ in (plain, asked, steered)]
    assert volumes[0] != volumes[1] != volumes[2]
    assert asked[0].request.notes["target_density"] == 3.0


def test_a_property_that_the_data_has_not_is_named(units: WyckoffDataset) -> None:
    with pytest.raises(UsageError, match=r"no property 'colour'.*density"):
        made(units, 'conditioning.properties=["colour"]')


@pytest.mark.parametrize("parametrisation", ["data", "noise", "residual"])
@pytest.mark.parametrize("lattice", ["gaussian_bfn", "variance_preserving"])
def test_fixed_components_of_the_cell_never_see_noise(
    units: WyckoffDataset, parametrisation: str, lattice: str
) -> None:
    words = ["positions.t_min=1e-4", f"positions.parametrisation={parametrisation}"]
    words += [f"lattice.kind={lattice}"] if lattice != "gaussian_bfn" else words_of_lattice(parametrisation)
    model = made(units, *words)
    batch = units.batch(range(len(units)))
    source = SharedRng(torch.Generator().manual_seed(0))
    time = torch.linspace(0, 0.999, len(units))
    losses = model.losses(batch, time, source=source)
    model.weighted(losses).backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.network.parameters() if p.grad is not None)
    flow: ProductFlow = model.flow_on(model.flow, model.given(batch, source=source))
    states = flow.corrupt(model.targets(batch), time, segments=batch.segments, source=source)
    fixed = ~lattice_mask(batch.space_groups)
    mean, std = (torch.tensor(one) for one in (model.k_form.mean, model.k_form.std))
    seen = flow.features(states, time, segments=batch.segments)["lattice"].value * std + mean
    torch.testing.assert_close(seen[fixed], lattice_bias(batch.space_groups)[fixed])
    assert fixed.any()


@pytest.mark.parametrize("standardised", [True, False])
def test_a_cell_is_told_as_it_is_or_standardised(units: WyckoffDataset, standardised: bool) -> None:
    """A cube of edge a is k6 = ln(a) alone; standardised, free components have mean 0 and deviation 1."""
    model = made(units, f"lattice_form.standardised={str(standardised).lower()}")
    batch = units.batch(range(len(units)))
    codes, free = model.k_form.encode(batch.lattice), lattice_mask(batch.space_groups)
    torch.testing.assert_close(model.k_form.decode(codes, batch.space_groups), batch.lattice)
    if not standardised:
        cube = model.k_form.encode(4.0 * torch.eye(3)[None])
        torch.testing.assert_close(cube, torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.0, math.log(4.0)]]))
        return
    for values in (codes[free[:, k], k] for k in range(6)):
        if len(values.unique()) > 1:
            found = torch.stack([values.mean(), values.std(correction=0)])
            torch.testing.assert_close(found, torch.tensor([0.0, 1.0]), rtol=1e-4, atol=1e-4)


def words_of_lattice(parametrisation: str) -> list[str]:
    return ["lattice.t_min=1e-4", f"lattice.parametrisation={parametrisation}"]


def test_numbers_that_are_none_are_rejected_by_name(units: WyckoffDataset) -> None:
    """One crystal's outputs are not finite, or give a cell like a needle: the others come all the same."""
    model = made(units)
    requests = SymmBFN(model).requests(num=4, seed=0, spacegroup=225)
    given = model.given_for(requests, torch.device("cpu"))
    outputs = {"symmetry": torch.zeros(given.segments.num_atoms, 15, 13)}
    targets = model.blank(given)
    targets["lattice"][1] = torch.nan
    targets["lattice"][2] = 60.0
    targets["positions"][given.segments.index == 3] = torch.nan
    samples = model.samples(targets, outputs, given, requests)
    assert [s.crystal is None for s in samples] == [False, True, True, True]
    assert all("not a number" in str(samples[k].reason) for k in (1, 3))


def test_a_flat_cell_is_no_crystal() -> None:
    lattice = torch.eye(3).expand(3, 3, 3).clone() * 4
    lattice[1, 2] = torch.tensor([0.0, 0.0, 1e-3])
    lattice[2, 2] = torch.tensor([0.0, 0.0, 900.0])
    assert sound_cells(lattice).tolist() == [True, False, False]
    requests = [Request(id=name, seed=0, num_atoms=1) for name in "abc"]
    segments, numbers = Segments.from_counts([1, 1, 1]), torch.tensor([6, 6, 6])
    samples = cell_samples(segments, lattice, torch.zeros(3, 3), numbers, requests)
    assert samples[0].crystal is not None
    assert all("flat" in str(sample.reason) for sample in samples[1:])


def test_the_folder_says_the_space_group(run: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from epitaxy.apps.cli.symmbfn import app

    words = [
        "sample",
        str(run),
        "--out",
        str(tmp_path / "out"),
        "--num",
        "3",
        "--spacegroup",
        "P m -3 m",
        "--steps",
        "3",
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    frames = read(tmp_path / "out" / "samples.extxyz", index=":")
    assert {frame.info["spacegroup"] for frame in frames} == {221}


PUBLISHED = (
    "species.beta1=0.25", "symmetry.beta1=2.5", "positions.wrapped=true", "positions.clamp=10",
    "lattice.clamp=10", "network.residual_noise=true", "sampling.final_call=true",
)  # fmt: skip
"""What the published code (aimat-lab/symmbfn, May 2026) has otherwise than the paper, as `paper` says."""


def test_what_the_published_code_has_otherwise_are_options(units: WyckoffDataset) -> None:
    recipe = preset("paper", model="symmbfn", task="dng", dataset="prototypes")
    recipe = apply_overrides(recipe, [*TINY, *PUBLISHED, "training.passes=1"])
    assert isinstance(recipe, WyckoffRecipe)
    model = WyckoffModel(recipe, WyckoffStatistics.of(units))
    batch, source = units.batch(range(8)), SharedRng(torch.Generator().manual_seed(0))
    time = torch.linspace(0, 1, 8)
    states = model.flow.corrupt(model.targets(batch), time, segments=batch.segments, source=source)
    assert bool(((states["positions"] >= 0) & (states["positions"] < 1)).all())
    losses = model.losses(batch, time, source=source)
    assert all(bool(loss.isfinite()) for loss in losses.values())
    samples = SymmBFN(model).samples(SymmBFN(model).requests(num=3, seed=0, spacegroup=225), steps=3)
    assert len(samples) == 3


@pytest.mark.parametrize("final", [False, True])
def test_a_final_call_is_at_the_end_of_time(
    final: bool, units: WyckoffDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """n messages and the network asked once more, or the last of n answers."""
    model = made(units, f"sampling.final_call={str(final).lower()}")
    times: list[float] = []
    predict = WyckoffModel.predict

    def seen(self: WyckoffModel, states: States, time: Tensor, given: GivenOrbits) -> dict[str, Tensor]:
        times.append(float(time[0]))
        return predict(self, states, time, given)

    monkeypatch.setattr(WyckoffModel, "predict", seen)
    requests = SymmBFN(model).requests(num=2, seed=0, spacegroup=2)
    SymmBFN(model).samples(requests, steps=4, redraws=0)
    assert times == [0.0, 0.25, 0.5, 0.75] + [1.0] * final


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("kind=categorical_bfn",),
        ("kind=categorical_bfn", "parametrisation=residual", "reads=evidence"),
    ],
)
def test_labels_that_are_given_come_back_however_they_are_read(
    words: tuple[str, ...], units: WyckoffDataset
) -> None:
    model = SymmBFN(made(units, *(f"{flow}.{word}" for flow in ("species", "symmetry") for word in words)))
    for crystal in model.sample(num=2, formula="NaCl", spacegroup=225, formula_units=4, steps=6):
        assert crystal.composition.reduced_formula == "NaCl"
    assert len(model.samples(model.requests(num=3, seed=0), steps=3)) == 3


def test_the_shipped_model_knows_crystals() -> None:
    """Of forty crystals of seven systems most have no two atoms too close, and all have their symmetry."""
    model = SymmBFN.load("symmbfn-mp20-small")
    samples = model.samples(model.requests(num=6, seed=0, spacegroup=EVERY_SYSTEM), steps=30)
    kept = [(s.request, s.crystal) for s in samples if s.crystal is not None and len(s.crystal) < 150]
    valid = [(request, crystal) for request, crystal in kept if structural_validity(crystal)]
    assert len(valid) > 0.6 * len(samples)
    assert all(has_symmetry(crystal, request.notes["spacegroup"]) for request, crystal in valid)  # type: ignore[arg-type]  # a number
    (titanate,) = model.sample(formula="SrTiO3", spacegroup=221, formula_units=1, steps=30)
    assert titanate.composition.reduced_formula == "SrTiO3"
    low, high = (
        model.sample(num=12, spacegroup=225, steps=30, properties={"formation_energy_per_atom": target})
        for target in (-3.5, 0.0)
    )
    anions = [sum(s.symbol in ("O", "F", "Cl") for c in found for s in c.species) for found in (low, high)]
    assert anions[0] > anions[1]  # very negative energies are of oxides and halides

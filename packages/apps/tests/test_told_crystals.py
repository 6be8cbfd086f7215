"""CrysBFN and KLDM told properties: trained with some missing, asked from Python and on the command line."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from epitaxy.apps import CrysBFN, UsageError
from epitaxy.apps.cli.crystals import crystal_app
from epitaxy.apps.config import Recipe
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.apps.crystals.model import CrystalModel
from epitaxy.apps.generative.conditioning import standardise
from epitaxy.apps.generative.kind import kind_of
from epitaxy.apps.generative.model_dir import load_model
from epitaxy.apps.requests.capabilities import capability_of
from epitaxy.apps.training.run import open_run, train
from epitaxy.data import CrystalDataset
from epitaxy.geometry import SharedRng

TOLD = 'conditioning.properties=["density","volume_per_atom"]'
TARGETS = {"density": 5.0}


@pytest.fixture(scope="module")
def csp(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> Path:
    return make_run(tmp_path_factory.mktemp("told-csp") / "run", "csp", TOLD, model="kldm")


@pytest.fixture(scope="module")
def dng(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> Path:
    return make_run(tmp_path_factory.mktemp("told-dng") / "run", "dng", TOLD)


def test_what_is_asked_changes_what_is_made_and_stands_beside_it(csp: Path) -> None:
    """One property of the two that the model knows; without guidance the model still listens."""
    model = CrystalGenerator.load(str(csp))
    assert model.model.conditions.names == ("density", "volume_per_atom")
    made = [
        model.samples(model.requests(formula="NaCl", num=3, seed=0, **words), steps=4)  # type: ignore[arg-type]  # by words
        for words in ({}, {"properties": TARGETS}, {"properties": TARGETS, "guidance": 2.0})
    ]
    volumes = [[s.crystal.volume for s in samples if s.crystal is not None] for samples in made]
    assert volumes[0] != volumes[1] != volumes[2] != volumes[0]
    assert made[1][0].request.notes == {"target_density": 5.0}
    assert made[0][0].request.notes == {}


def test_every_request_of_crystals_carries_what_is_asked(
    csp: Path, dng: Path, crystals: CrystalDataset
) -> None:
    words = {"num": 2, "seed": 0, "properties": TARGETS, "guidance": 1.5}
    structure = crystals.structure(0)
    of_formulas, free = CrystalGenerator.load(str(csp)), CrystalGenerator.load(str(dng))
    for requests in (
        of_formulas.requests(formula=["NaCl", "SrTiO3"], **words),  # type: ignore[arg-type]  # by words
        of_formulas.requests(like=structure, **words),  # type: ignore[arg-type]  # by words
        free.requests(**words),  # type: ignore[arg-type]  # by words
        free.requests(num_atoms=[2, 5], **words),  # type: ignore[arg-type]  # by words
        free.requests(like=structure, strength=0.5, **words),  # type: ignore[arg-type]  # by words
        free.requests(fix=structure, free="1", **words),  # type: ignore[arg-type]  # by words
    ):
        assert len(requests) >= 2
        assert all((one.targets, one.guidance) == (TARGETS, 1.5) for one in requests)
    assert CrysBFN.load(str(dng)).sample(num=2, steps=3, properties=TARGETS, guidance=1.0) is not None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"properties": {"densty": 1.0}}, "did you mean 'density'"),
        ({"guidance": 1.0}, "name one with --property"),
    ],
)
def test_what_cannot_be_asked_is_refused(dng: Path, words: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        CrystalGenerator.load(str(dng)).requests(num=1, seed=0, **words)  # type: ignore[arg-type]  # wrong on purpose


def test_a_shipped_model_knows_no_property() -> None:
    with pytest.raises(UsageError, match="trained without properties"):
        CrystalGenerator.load("kldm-mp20").requests(formula="NaCl", num=1, seed=0, properties=TARGETS)


def test_from_the_command_line(csp: Path, tmp_path: Path) -> None:
    app, out = crystal_app("kldm", ""), tmp_path / "out"
    words = [
        "sample",
        str(csp),
        "--formula",
        "NaCl",
        "--num",
        "2",
        "--steps",
        "3",
        "--property",
        "density=3.5",
    ]
    done = CliRunner().invoke(app, [*words, "--guidance", "0.5", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert (
        '"target_density": 3.5' in (out / "samples.json").read_text()
        or "target_density=3.5" in (out / "samples.extxyz").read_text()
    )
    words = ["sample", str(csp), "--compositions", "prototypes", "--property", "density=3.5"]
    refused = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "no")])
    assert isinstance(refused.exception, UsageError)
    assert "--property does not go with --compositions" in str(refused.exception)


def test_a_model_says_what_it_can_be_asked(csp: Path) -> None:
    found = capability_of(str(csp)).properties
    known = load_model(str(csp)).model.statistics.properties  # type: ignore[attr-defined]  # of crystals
    assert [(p.name, p.low, p.high) for p in found] == [
        (name, known[name].min, known[name].max) for name in ("density", "volume_per_atom")
    ]
    assert any("property   density (g/cm^3)" in line for line in capability_of(str(csp)).lines())


@pytest.mark.parametrize(("model", "task"), [("crysbfn", "dng"), ("kldm", "csp")])
def test_training_takes_what_is_known_of_properties_that_some_crystals_lack(
    model: str, task: str, make_recipe: Callable[..., Recipe], crystals: CrystalDataset, tmp_path: Path
) -> None:
    """As mp_20's e_above_hull: half of them, none hidden; and the weights of hearing move off zero."""
    values = crystals.properties["density"].clone()
    values[::2] = torch.nan
    data = replace(crystals, properties={"density": values})
    words = ('conditioning.properties=["density"]', "conditioning.hide=0.0", "training.passes=2")
    recipe = make_recipe(task, *words, model=model)
    made = kind_of(recipe.model).build(recipe, kind_of(recipe.model).summarise(data))
    assert isinstance(made, CrystalModel)
    batch = data.batch(range(8))
    given = made.given(batch, source=SharedRng(torch.Generator().manual_seed(0)))
    assert given.properties is not None
    wanted = standardise(batch.properties, ["density"], made.statistics.properties, torch.zeros(8))
    torch.testing.assert_close(given.properties, wanted, equal_nan=True)
    assert given.properties.isnan()[:, 0].tolist() == [True, False] * 4
    assert made.statistics.properties["density"].known == len(data) // 2

    out = tmp_path / "run"
    train(open_run(out, recipe, resume=False), out, train_data=data, val_data=data)
    trained = load_model(str(out)).model.network
    assert bool(trained.get_parameter("atom_embedding.told").any())
    assert json.loads((out / "recipe.json").read_text())["conditioning"]["properties"] == ["density"]

"""GeoBFN: five treatments of elements, sizes on request, properties, files."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.io import read
from typer.testing import CliRunner

from epitaxy.apps import GeoBFN, UsageError
from epitaxy.apps.cli.geobfn import app
from epitaxy.apps.cli.main import app as umbrella
from epitaxy.apps.config import apply_overrides
from epitaxy.apps.generative.recipes import preset
from epitaxy.apps.molecules.data import load_molecules
from epitaxy.apps.molecules.model import MoleculeModel
from epitaxy.apps.molecules.recipe import MoleculeRecipe
from epitaxy.apps.training.validation import within_vocabulary
from epitaxy.data import Vocabulary
from epitaxy.data.molecules import MoleculeDataset, MoleculeStatistics
from epitaxy.eval.molecules import measure_stability
from epitaxy.geometry import SharedRng

TREATMENTS = (
    "discretised_basis", "continuous_basis", "discrete", "discrete_continuous", "discrete_discretised",
)  # fmt: skip
FIELDS = {
    "discretised_basis": {"positions", "charges"},
    "continuous_basis": {"positions", "charges"},
    "discrete": {"positions", "types"},
    "discrete_continuous": {"positions", "charges", "types"},
    "discrete_discretised": {"positions", "charges", "types"},
}


@pytest.fixture(scope="module")
def molecules() -> MoleculeDataset:
    return load_molecules("g2", "train")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> Path:
    return make_run(tmp_path_factory.mktemp("geo") / "run", "dng", model="geobfn")


@pytest.fixture
def as_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """What networks that have learned nothing draw, atoms on each other included."""
    monkeypatch.setattr("epitaxy.apps.sampling.generate.checked", lambda sample: sample)


def made(molecules: MoleculeDataset, *words: str) -> MoleculeModel:
    recipe = preset("small", model="geobfn", task="dng", dataset="g2")
    assert isinstance(recipe, MoleculeRecipe)
    torch.manual_seed(0)
    narrow = ("network.hidden=16", "network.layers=2")
    return MoleculeModel(apply_overrides(recipe, [*narrow, *words]), MoleculeStatistics.of(molecules))


@pytest.mark.usefixtures("as_drawn")
@pytest.mark.parametrize("parametrisation", ["noise", "residual"])
@pytest.mark.parametrize("kind", TREATMENTS)
def test_every_treatment_has_losses_gradients_and_samples(
    kind: str, parametrisation: str, molecules: MoleculeDataset
) -> None:
    words = ("positions.t_min=1e-4", f"positions.parametrisation={parametrisation}", f"atoms.kind={kind}")
    model = made(molecules, *words)
    batch = molecules.batch(range(16))
    time = torch.linspace(0, 1 - 1e-6, 16)
    losses = model.losses(batch, time, source=SharedRng(torch.Generator().manual_seed(0)))
    assert set(losses) == FIELDS[kind]
    model.weighted(losses).backward()
    gradients = [p.grad for p in model.network.parameters() if p.grad is not None]
    assert gradients
    assert all(bool(g.isfinite().all()) for g in gradients)
    generator = GeoBFN(model)
    found = generator.samples(generator.requests(num=6, seed=0), steps=3)
    known = set(model.statistics.vocabulary.numbers)
    assert len(found) == 6
    assert all(s.reason for s in found if s.structure is None)
    assert all(set(s.structure.numbers.tolist()) <= known for s in found if s.structure is not None)


@pytest.mark.usefixtures("as_drawn")
@pytest.mark.parametrize("guess", ["nearest", "sampled", "expectation", "published"])
def test_no_sample_has_an_element_that_data_has_not(guess: str, molecules: MoleculeDataset) -> None:
    model = made(molecules, f"atoms.guess={guess}")
    found = GeoBFN(model).sample(num=40, steps=2, seed=5)
    assert {z for m in found for z in m.numbers.tolist()} <= set(model.statistics.vocabulary.numbers)


@pytest.mark.usefixtures("as_drawn")
def test_sizes(run: Path) -> None:
    model = GeoBFN.load(str(run))
    assert [r.num_atoms for r in model.requests(num=2, seed=0, num_atoms=[7, 3])] == [7, 7, 3, 3]
    assert {len(m) for m in model.sample(num=20, num_atoms=[3], steps=4)} <= {3}
    seen = model.model.statistics.atoms_per_molecule
    assert {len(m) for m in model.sample(num=30, steps=2)} <= set(seen)


def test_a_molecule_does_not_depend_on_its_batch_and_has_no_net_translation(run: Path) -> None:
    model = GeoBFN.load(str(run))
    whole, alone = (model.sample(num=5, steps=6, seed=2, batch_size=size) for size in (5, 1))
    for a, b in zip(whole, alone, strict=True):
        assert a.numbers.tolist() == b.numbers.tolist()
        assert np.allclose(a.positions, b.positions, atol=1e-3)
        assert np.allclose(a.positions.mean(0), 0, atol=1e-4)


@pytest.mark.usefixtures("as_drawn")
def test_targets(molecules: MoleculeDataset) -> None:
    values = torch.linspace(-1, 1, len(molecules)).double()
    values[::3] = torch.nan
    told = MoleculeDataset(
        ids=molecules.ids, counts=molecules.counts, numbers=molecules.numbers,
        positions=molecules.positions, properties={"mu": values},
    )  # fmt: skip
    model = made(told, 'conditioning.properties=["mu"]')
    batch = told.batch(range(16))
    losses = model.losses(batch, torch.rand(16), source=SharedRng(torch.Generator().manual_seed(0)))
    model.weighted(losses).backward()
    generator = GeoBFN(model)
    with torch.no_grad():  # a fresh network barely listens: make it
        for parameter in model.network.parameters():
            parameter.mul_(1.5)
    plain, asked, steered = (
        generator.sample(num=2, num_atoms=8, steps=3, **words)  # type: ignore[arg-type]  # by words
        for words in ({}, {"properties": {"mu": 2.0}}, {"properties": {"mu": 2.0}, "guidance": 3.0})
    )
    assert not np.allclose(plain[0].positions, asked[0].positions, atol=1e-6)
    assert not np.allclose(steered[0].positions, asked[0].positions, atol=1e-6)
    with pytest.raises(UsageError, match="does not know it"):
        generator.requests(num=1, seed=0, properties={"alpha": 1.0})


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--property alpha=80", "trained without properties"),
        ("--property alpha", "write NAME=NUMBER"),
        ("--num-atoms 0", "at least one atom"),
        ("--steps 1", "at least 2"),
        ("--guidance 2", "name one with --property"),
        ("--sampler magic", "--sampler magic"),
    ],
)
def test_what_cannot_be_is_refused(run: Path, tmp_path: Path, words: str, sentence: str) -> None:
    result = CliRunner().invoke(app, f"sample {run} --out {tmp_path / 'out'} --num 1 {words}".split())
    assert isinstance(result.exception, UsageError)
    assert sentence in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_sizes_that_training_never_saw_are_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    GeoBFN.load(str(run)).requests(num=1, seed=0, num_atoms=[7, 600])
    said = capsys.readouterr().err
    assert "--num-atoms 600: training had 2 to 14" in said
    assert "--num-atoms 7" not in said


def test_validation_keeps_to_the_elements_of_training(
    molecules: MoleculeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    organic = within_vocabulary(molecules, Vocabulary((1, 6, 7, 8)))
    assert set(organic.numbers.tolist()) <= {1, 6, 7, 8}
    left_out = len(molecules) - len(organic)
    assert f"{left_out} validation structures" in capsys.readouterr().err
    with pytest.raises(UsageError, match="every validation structure"):
        within_vocabulary(molecules, Vocabulary((118,)))


def test_a_split_can_be_named_where_a_hash_divides(tmp_path: Path) -> None:
    """Training on one file and evaluating its test part look at different molecules, together all of them."""
    water = "3\nid=w{0}\nO 0 0 0.1173\nH 0 0.7572 -0.4692\nH 0 -0.7572 -0.4692\n"
    path = tmp_path / "many.xyz"
    path.write_text("".join(water.format(n) for n in range(40)))
    counts = {}
    for word in (path, f"{path}:train", f"{path}:val", f"{path}:test"):
        out = tmp_path / "out.json"
        words = ["eval", "molecules", str(word), "--workers", "0", "--no-cache", "--json", str(out)]
        assert CliRunner().invoke(umbrella, words).exit_code == 0
        counts[str(word).rpartition(":")[2]] = json.loads(out.read_text())["counts"]["samples"]
    assert counts.pop(str(path)) == 40 == sum(counts.values())
    assert min(counts.values()) > 0


def test_heavy_atoms_are_compared_with_heavy_atoms(tmp_path: Path) -> None:
    whole, bare = tmp_path / "whole.xyz", tmp_path / "bare.xyz"
    whole.write_text("3\n\nO 0 0 0.1173\nH 0 0.7572 -0.4692\nH 0 -0.7572 -0.4692\n")
    bare.write_text("1\n\nO 0 0 0\n2\n\nC 0 0 0\nO 0 0 1.43\n")
    out = tmp_path / "out.json"
    words = ["eval", "molecules", str(bare), "--train", str(whole), "--workers", "0", "--no-cache"]
    assert CliRunner().invoke(umbrella, [*words, "--json", str(out)]).exit_code == 0
    found = json.loads(out.read_text())
    assert found["metrics"]["novelty"] == 0.5  # the oxygen is the training set's water
    assert "no sample has a hydrogen" in found["notes"]["hydrogens"]


def test_the_folder_can_be_read(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(app, f"sample {run} --out {out} --num 4 --steps 3".split())
    assert result.exit_code == 0, result.output
    frames = read(out / "samples.extxyz", index=":")
    assert len(frames) == 4
    assert len(list((out / "sdf").glob("*.sdf"))) == 4
    one = read(out / "sdf" / "000002.sdf")
    assert isinstance(one, Atoms)
    assert isinstance(frames, list)
    assert one.numbers.tolist() == frames[2].numbers.tolist()
    assert np.allclose(one.positions, frames[2].positions, atol=1e-3)


def test_the_shipped_model_knows_molecules() -> None:
    """Most atoms of thirty molecules have the valence that their element has, at any number of steps."""
    model = GeoBFN.load("geobfn-qm9-small")
    for steps in (50, 150):
        found = model.sample(num=30, steps=steps, seed=0)
        stability = measure_stability(MoleculeDataset.from_atoms(found).batch(range(len(found))))
        assert stability.stable_atoms.mean() > 0.75
    asked = model.sample(num=3, num_atoms=18, steps=20, properties={"homo": -0.2})
    assert [len(m) for m in asked] == [18] * 3

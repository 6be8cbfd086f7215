"""Fingerprints of data outlive the classes that hold them: runs of earlier versions go on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from epitaxy.apps.config import Recipe
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.training.fingerprint import DATA, check_begun, fingerprint
from epitaxy.data import CrystalDataset
from epitaxy.data.molecules import MoleculeDataset
from epitaxy.data.wyckoff import WyckoffDataset

_CELLS = {"lattice": 4 * torch.eye(3, dtype=torch.float64).repeat(2, 1, 1)}
_SITES = {"space_groups": torch.tensor([1, 2]), "sites": torch.tensor([0, 0, 1])}


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        (CrystalDataset, _CELLS, "4a4aa5d239a58d12b7a30fdc96abb46a1e6e621650ad435c5df1f88b3df4f123"),
        (MoleculeDataset, {}, "edba4bfbf2fc0d60e0b10b7749651179eb1a22d9c7d0a5a57c5b52e46e8f28a2"),
        (WyckoffDataset, _CELLS | _SITES, "0ab36b90f8fc915d49d88ce8532b0f18dbd37bfc91e83ff71f2831bbc9d1f194"),
    ],
)
def test_data_have_the_fingerprint_that_they_always_had(
    kind: Any, more: dict[str, torch.Tensor], expected: str
) -> None:
    dataset = kind(
        ids=("a", "b"),
        counts=torch.tensor([2, 1]),
        numbers=torch.tensor([11, 17, 26]),
        positions=torch.arange(9, dtype=torch.float64).view(3, 3) / 16,
        properties={"gap": torch.tensor([1.5, torch.nan], dtype=torch.float64)},
        **more,
    )
    assert fingerprint(dataset) == expected


def begun(out: Path, crystals: CrystalDataset, *words: str, make_recipe: Callable[..., Recipe]) -> None:
    check_begun(out, make_recipe("csp", *words), train=crystals, val=crystals)


@pytest.mark.parametrize(
    "word", ["training.learning_rate=0.5", "training.seed=9", "weights.positions=2", "network.hidden=16"]
)
def test_a_recipe_changed_by_hand_is_not_gone_on_with(
    word: str, crystals: CrystalDataset, make_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    begun(tmp_path, crystals, make_recipe=make_recipe)
    begun(tmp_path, crystals, make_recipe=make_recipe)
    name = word.partition("=")[0]
    with pytest.raises(UsageError, match=rf"--resume: {name} is .* and was .* put it back"):
        begun(tmp_path, crystals, word, make_recipe=make_recipe)


def test_a_run_may_go_on_for_longer_and_sample_otherwise(
    crystals: CrystalDataset,
    make_recipe: Callable[..., Recipe],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    begun(tmp_path, crystals, make_recipe=make_recipe)
    begun(tmp_path, crystals, "training.passes=9", "sampling.steps=7", make_recipe=make_recipe)
    said = capsys.readouterr().err
    assert "--resume: training.passes is 9 from here on, and was 4" in said
    assert "--resume: sampling.steps is 7 from here on, and was 5" in said


def test_runs_of_versions_that_kept_no_recipe_or_another_go_on(
    crystals: CrystalDataset, make_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    begun(tmp_path, crystals, make_recipe=make_recipe)
    file = tmp_path / DATA
    held = json.loads(file.read_text())
    for kept in ({}, {"recipe": {"gone": {"long": 1}}}, {"recipe": [1]}):
        file.write_text(json.dumps({"train": held["train"], "val": held["val"], **kept}))
        begun(tmp_path, crystals, "training.seed=9", make_recipe=make_recipe)

"""Fingerprints of data outlive the classes that hold them: runs of earlier versions go on."""

from typing import Any

import pytest
import torch

from epitaxy.apps.training.fingerprint import fingerprint
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

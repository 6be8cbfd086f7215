"""A kind of batch that is not the package's own gets every verb from the tensors that it names."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry import RaggedBatch, Segments, per_atom, per_graph


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SurfaceBatch(RaggedBatch):
    """Slabs with a normal each and a charge an atom."""

    COLUMNS: ClassVar = {**RaggedBatch.COLUMNS, "normal": per_graph(3), "charges": per_atom()}
    GRAPHS = "slabs"

    normal: Float[Tensor, "graphs 3"]
    charges: Float[Tensor, " atoms"]


def example(**changes: object) -> SurfaceBatch:
    fields: dict[str, object] = {
        "segments": Segments.from_counts([2, 1]),
        "positions": torch.arange(9.0).view(3, 3),
        "numbers": torch.tensor([11, 17, 26]),
        "normal": torch.eye(3)[:2],
        "charges": torch.tensor([1.0, -1.0, 0.0]),
        "ids": ("salt", "iron"),
        "properties": {"work": torch.tensor([5.0, torch.nan])},
    }
    return SurfaceBatch(**fields | changes)  # type: ignore[arg-type]


def test_tensors_go_with_their_atoms_and_graphs() -> None:
    turned = example().select([-1, 0])
    assert isinstance(turned, SurfaceBatch)
    assert turned.ids == ("iron", "salt")
    assert turned.charges.tolist() == [0.0, 1.0, -1.0]
    assert torch.equal(turned.normal, torch.eye(3)[[1, 0]])
    both = SurfaceBatch.cat([turned, example()])
    assert both.charges.tolist() == [0.0, 1.0, -1.0, 1.0, -1.0, 0.0]
    assert both.properties["work"].isnan().tolist() == [True, False, False, True]
    assert repr(both) == "SurfaceBatch(4 slabs, 6 atoms, work)"


def test_a_move_changes_the_type_of_what_is_real_alone() -> None:
    moved = example().to("cpu", torch.float64)
    assert moved.charges.dtype == moved.normal.dtype == moved.properties["work"].dtype == torch.float64
    assert moved.numbers.dtype == torch.int64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"normal": torch.zeros(3, 3)}, r"normal must have shape \(2, 3\), not \(3, 3\)"),
        ({"charges": torch.zeros(3, dtype=torch.int64)}, "charges must hold floating numbers"),
        ({"numbers": torch.zeros(3)}, "numbers must hold integers"),
        ({"ids": ("salt",)}, "1 ids for 2 slabs"),
    ],
)
def test_every_tensor_is_held_to_its_word(changes: dict[str, object], message: str) -> None:
    # Where the tests run with the shape hook, it may speak first.
    with pytest.raises((ValueError, TypeError), match=f"{message}|Type-check"):
        example(**changes)

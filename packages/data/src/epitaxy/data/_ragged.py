"""What ragged datasets check of themselves when they are made."""

from collections.abc import Mapping, Sequence

from torch import Tensor

Shapes = Mapping[str, tuple[Tensor, tuple[int, ...]]]
"""Arrays by name, each with the shape that one row of it must have."""


def check_ragged(
    ids: Sequence[str], counts: Tensor, *, rows: Shapes, records: Shapes, properties: Mapping[str, Tensor]
) -> None:
    """Refuse arrays that do not belong together.

    Args:
        ids: one name a record.
        counts: rows of each record, at least one.
        rows: what has one row an atom or orbit.
        records: what has one row a record.
        properties: one value a record, by name.

    Raises:
        ValueError: if they do not.

    """
    size = len(ids)
    if tuple(counts.shape) != (size,) or bool((counts < 1).any()):
        raise ValueError(f"counts must have shape ({size},) as there are ids, each at least 1")
    total = int(counts.sum())
    named = [(name, tensor, (total, *shape)) for name, (tensor, shape) in rows.items()]
    named += [(name, tensor, (size, *shape)) for name, (tensor, shape) in records.items()]
    named += [(f"property {name!r}", tensor, (size,)) for name, tensor in properties.items()]
    for name, tensor, shape in named:
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} must have shape {shape}, not {tuple(tensor.shape)}")

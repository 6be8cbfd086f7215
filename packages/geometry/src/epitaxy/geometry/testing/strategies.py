"""Hypothesis strategies for ragged batches, lattices and coordinates, edge cases included."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import torch
from torch import Tensor

from epitaxy.geometry.batch import CrystalBatch
from epitaxy.geometry.lattice import lattice_matrix
from epitaxy.geometry.segments import Segments
from epitaxy.geometry.torus import FlatTorus

# hypothesis's protocol cannot be checked at run time, which the tests' shape hook does.
if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn
else:
    DrawFn = Callable[..., Any]

# Where float32 wrapping goes wrong: just below 0 and 1, at the halves, at signed zeros, at whole cells.
_EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.0 - 2.0**-24, 0.5 - 2.0**-25, 2.0**-126, -1e-27, -1e-9, 7.25)


def counts(*, max_graphs: int = 4, max_atoms: int = 6) -> st.SearchStrategy[list[int]]:
    """Numbers of atoms of the graphs of a batch; graphs of one atom are common."""
    return st.lists(st.one_of(st.just(1), st.integers(1, max_atoms)), min_size=1, max_size=max_graphs)


def _coordinates(wide: float) -> st.SearchStrategy[float]:
    return st.one_of(st.sampled_from(_EDGES), st.floats(-wide, wide, width=32))


@st.composite
def fractional_coordinates(
    draw: DrawFn, atoms: int | None = None, *, wrapped: bool = False, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Fractional coordinates of shape (atoms, 3).

    By default they are as a careless user or an update step leaves them (-1e-27, 1, 7.25); `wrapped` brings
    them into [0, 1).
    """
    number = draw(st.integers(1, 8)) if atoms is None else atoms
    values = draw(st.lists(_coordinates(3.0), min_size=3 * number, max_size=3 * number))
    x = torch.tensor(values, dtype=dtype).view(number, 3)
    return FlatTorus().project(x) if wrapped else x


@st.composite
def _parameters(draw: DrawFn, flatness: float) -> tuple[list[float], list[float]]:
    """Lengths in angstrom and angles in radians of a cell that exists, if only just."""
    lengths = draw(st.lists(st.floats(1.0, 40.0), min_size=3, max_size=3))
    angle = st.floats(math.radians(5.0), math.radians(175.0))
    alpha, beta = draw(angle), draw(angle)
    low, high = abs(alpha - beta), min(alpha + beta, 2.0 * math.pi - alpha - beta)
    edges = st.sampled_from((flatness, 0.5, 1.0 - flatness))
    share = draw(st.one_of(edges, st.floats(flatness, 1.0 - flatness)))
    return lengths, [alpha, beta, low + share * (high - low)]


@st.composite
def lattices(
    draw: DrawFn, graphs: int = 1, *, flatness: float = 1e-3, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Lattices of shape (graphs, 3, 3), angstrom, rows, in the standard form, right-handed.

    Lengths are 1 to 40 angstrom, alpha and beta 5 to 175 degrees; gamma keeps at least the share `flatness`
    of the range it can have from either end, where the cell is flat.
    """
    cells = [draw(_parameters(flatness)) for _ in range(graphs)]
    lengths = torch.tensor([lengths for lengths, _ in cells], dtype=torch.float64)
    angles = torch.tensor([angles for _, angles in cells], dtype=torch.float64)
    return lattice_matrix(lengths.view(-1, 3), angles.view(-1, 3)).to(dtype)


@st.composite
def crystal_batches(
    draw: DrawFn, *, max_graphs: int = 4, max_atoms: int = 6, dtype: torch.dtype = torch.float32
) -> CrystalBatch:
    """Batches with wrapped coordinates, elements H to Cm, distinct ids, one property with unknown values."""
    segments = Segments.from_counts(draw(counts(max_graphs=max_graphs, max_atoms=max_atoms)))
    atoms, graphs = segments.num_atoms, segments.num_graphs
    energies = st.one_of(st.just(math.nan), st.floats(-10.0, 10.0, width=32))
    return CrystalBatch(
        segments=segments,
        positions=draw(fractional_coordinates(atoms, wrapped=True, dtype=dtype)),
        lattice=draw(lattices(graphs, dtype=dtype)),
        numbers=torch.tensor(draw(st.lists(st.integers(1, 96), min_size=atoms, max_size=atoms))),
        ids=tuple(f"crystal-{graph}" for graph in range(graphs)),
        properties={
            "energy": torch.tensor(draw(st.lists(energies, min_size=graphs, max_size=graphs)), dtype=dtype)
        },
    )

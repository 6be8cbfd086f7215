"""The symmetries of networks on molecules, as a suite to subclass."""

from dataclasses import replace
from typing import Any, ClassVar, Protocol, runtime_checkable

import hypothesis.strategies as st
import torch
from hypothesis import HealthCheck, given, settings
from torch import Tensor, nn

from epitaxy.geometry.testing import Tolerance, random_orthogonal
from epitaxy.models.testing.gradients import assert_finite_gradients
from epitaxy.models.testing.laws import DTYPES
from epitaxy.models.testing.molecules import MoleculeInput, molecule_inputs

# That one test method runs for several subclasses is the purpose here, not a mistake.
_law = settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.differing_executors])


@runtime_checkable
class MoleculeOutput(Protocol):
    """What a network on molecules must give."""

    @property
    def positions(self) -> Tensor:
        """(atoms, 3), vectors: they turn with the molecule."""

    @property
    def types(self) -> Tensor | None:
        """(atoms, channels) or None: invariant."""

    @property
    def charges(self) -> Tensor | None:
        """(atoms, channels) or None: invariant."""


class MoleculeLaws:
    """The laws of a network on molecules. Subclass it under a name that pytest collects.

    >>> class TestMoleculeNet(MoleculeLaws):
    ...     def network(self, dtype):
    ...         return MoleculeNet(hidden=16, layers=2).to(dtype)
    """

    words: ClassVar[dict[str, Any]] = {}
    """Of `random_molecules`: what the network takes."""
    reflections = True
    """Whether a mirror image gives the mirrored output; if not, nothing is said of it."""
    unused: ClassVar[frozenset[str]] = frozenset()
    """Names of parameters that no output depends on."""

    def network(self, dtype: torch.dtype) -> nn.Module:
        """Return the network; the same one at every call for a dtype."""
        raise NotImplementedError

    def draw(self, data: st.DataObject, dtype: torch.dtype) -> MoleculeInput:
        """Draw an input for the network."""
        return data.draw(molecule_inputs(dtype=dtype, **self.words))

    def run(self, x: MoleculeInput) -> MoleculeOutput:
        """Run the network."""
        output: MoleculeOutput = self.network(x.positions.dtype)(**x.words())
        return output

    def check(
        self, actual: MoleculeOutput, positions: Tensor, types: Tensor | None, charges: Tensor | None
    ) -> None:
        """Assert what each field must be."""
        tolerance = Tolerance.loose(positions.dtype)
        tolerance.assert_close(actual.positions, positions)
        for one, expected in ((actual.types, types), (actual.charges, charges)):
            if one is None or expected is None:
                assert one is expected
            else:
                tolerance.assert_close(one, expected)

    @_law
    @given(data=st.data(), dtype=DTYPES)
    def test_permutation_of_atoms(self, data: st.DataObject, dtype: torch.dtype) -> None:
        """Atoms in another order within their molecule: the same outputs in that order."""
        x = self.draw(data, dtype)
        order = torch.tensor(data.draw(st.permutations(range(x.segments.num_atoms))))
        order = order[x.segments.index[order].argsort(stable=True)]
        y = self.run(x)
        self.check(
            self.run(x.reordered(order)), y.positions[order], _at(y.types, order), _at(y.charges, order)
        )

    @_law
    @given(data=st.data(), dtype=DTYPES, seed=st.integers(0, 2**32 - 1))
    def test_rotation_and_reflection(self, data: st.DataObject, dtype: torch.dtype, seed: int) -> None:
        """Another Q for each molecule, in O(3) or in SO(3): only the output positions turn."""
        x = self.draw(data, dtype)
        rng = torch.Generator().manual_seed(seed)
        q = random_orthogonal(x.segments.num_graphs, rng=rng, reflections=self.reflections)
        q = x.segments.expand(q.to(dtype))
        y = self.run(x)
        turned = replace(x, positions=_turn(x.positions, q))
        self.check(self.run(turned), _turn(y.positions, q), y.types, y.charges)

    @_law
    @given(data=st.data(), dtype=DTYPES, seed=st.integers(0, 2**32 - 1))
    def test_translation(self, data: st.DataObject, dtype: torch.dtype, seed: int) -> None:
        """Another translation of each molecule: nothing changes."""
        x = self.draw(data, dtype)
        rng = torch.Generator().manual_seed(seed)
        shift = torch.randn(x.segments.num_graphs, 3, generator=rng, dtype=dtype)
        y = self.run(x)
        moved = replace(x, positions=x.positions + x.segments.expand(shift))
        self.check(self.run(moved), y.positions, y.types, y.charges)

    @_law
    @given(data=st.data(), dtype=DTYPES)
    def test_molecules_do_not_see_each_other(self, data: st.DataObject, dtype: torch.dtype) -> None:
        """A molecule alone gives what it gives in a batch."""
        x = self.draw(data, dtype)
        y = self.run(x)
        for graph in range(x.segments.num_graphs):
            atoms = x.segments.index == graph
            alone = self.run(x.of_graph(graph))
            self.check(alone, y.positions[atoms], _at(y.types, atoms), _at(y.charges, atoms))

    @_law
    @given(data=st.data(), dtype=DTYPES)
    def test_gradients_are_finite(self, data: st.DataObject, dtype: torch.dtype) -> None:
        """Positions and all parameters but the `unused` get a finite gradient, also if atoms coincide."""
        x = self.draw(data, dtype)
        x.positions.requires_grad_()
        y = self.run(x)
        fields = [field for field in (y.positions, y.types, y.charges) if field is not None]
        total = torch.stack([field.square().sum() for field in fields]).sum()
        wanted = {"positions": x.positions, **dict(self.network(dtype).named_parameters())}
        assert_finite_gradients(total, wanted, self.unused)


def _turn(vectors: Tensor, q: Tensor) -> Tensor:
    return torch.einsum("nj,njk->nk", vectors, q)


def _at(field: Tensor | None, which: Tensor) -> Tensor | None:
    return None if field is None else field[which]

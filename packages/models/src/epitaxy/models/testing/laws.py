"""The symmetries of networks on crystals, as a suite to subclass."""

from dataclasses import replace
from typing import ClassVar, Literal, Protocol, runtime_checkable

import hypothesis.strategies as st
import torch
from hypothesis import HealthCheck, given, settings
from torch import Tensor, nn

from epitaxy.geometry.testing import Tolerance, random_orthogonal
from epitaxy.models.testing.gradients import assert_finite_gradients
from epitaxy.models.testing.inputs import CrystalInput, crystal_inputs

# That one test method runs for several subclasses is the purpose here, not a mistake.
law = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.differing_executors])
DTYPES = st.sampled_from([torch.float32, torch.float64])


@runtime_checkable
class CrystalOutput(Protocol):
    """What a network on crystals must give: invariant and equivariant outputs by field."""

    @property
    def positions(self) -> Tensor:
        """(atoms, 3), along the lattice vectors: invariant under rotation."""

    @property
    def lattice(self) -> Tensor:
        """(graphs, 3, 3), rows are vectors, which turn with the lattice, or (graphs, 6)."""

    @property
    def species(self) -> Tensor | None:
        """(atoms, channels) or None: invariant."""


class EquivarianceLaws:
    """The laws of a network on crystals. Subclass it under a name that pytest collects.

    >>> class TestCSPNet(EquivarianceLaws):
    ...     def network(self, dtype):
    ...         return CSPNet(species=7, species_input="index", hidden=16).to(dtype)
    """

    species = 7
    probabilities = False
    """Whether the network takes vectors of species instead of indices."""
    channels = 3
    """Of conditions; 0 if the network takes none."""
    lattice: Literal["matrix", "parameters"] = "matrix"
    velocities = False
    """Whether the network takes velocities."""
    properties = 0
    """That the network is told."""
    unused: ClassVar[frozenset[str]] = frozenset()
    """Names of parameters that no output depends on."""

    def network(self, dtype: torch.dtype) -> nn.Module:
        """Return the network; the same one at every call for a dtype."""
        raise NotImplementedError

    def draw(self, data: st.DataObject, dtype: torch.dtype) -> CrystalInput:
        """Draw an input for the network."""
        return data.draw(
            crystal_inputs(
                dtype=dtype,
                species=self.species,
                probabilities=self.probabilities,
                channels=self.channels,
                lattice=self.lattice,
                velocities=self.velocities,
                properties=self.properties,
            )
        )

    def run(self, x: CrystalInput) -> CrystalOutput:
        """Run the network."""
        output: CrystalOutput = self.network(x.lattice.dtype)(**x.words())
        return output

    def check(
        self, actual: CrystalOutput, positions: Tensor, lattice: Tensor, species: Tensor | None
    ) -> None:
        """Assert what each field must be."""
        tolerance = Tolerance.loose(lattice.dtype)
        tolerance.assert_close(actual.positions, positions)
        tolerance.assert_close(actual.lattice, lattice)
        if actual.species is None or species is None:
            assert actual.species is species
        else:
            tolerance.assert_close(actual.species, species)

    @law
    @given(data=st.data(), dtype=DTYPES)
    def test_permutation_of_atoms(self, data: st.DataObject, dtype: torch.dtype) -> None:
        """Atoms in another order within their crystal: the same outputs in that order."""
        x = self.draw(data, dtype)
        order = torch.tensor(data.draw(st.permutations(range(x.segments.num_atoms))))
        order = order[x.segments.index[order].argsort(stable=True)]
        y = self.run(x)
        self.check(
            self.run(x.reordered(order)),
            y.positions[order],
            y.lattice,
            None if y.species is None else y.species[order],
        )

    @law
    @given(data=st.data(), dtype=DTYPES, seed=st.integers(0, 2**32 - 1))
    def test_rotation_and_reflection_of_the_lattice(
        self, data: st.DataObject, dtype: torch.dtype, seed: int
    ) -> None:
        """`lattice @ Q`, Q in O(3), another one for each crystal: only the output lattice turns.

        Nothing to show where a lattice is given by parameters, which have no orientation.
        """
        x = self.draw(data, dtype)
        if self.lattice == "parameters":
            return
        rng = torch.Generator().manual_seed(seed)
        q = random_orthogonal(x.segments.num_graphs, rng=rng, reflections=True).to(dtype)
        y = self.run(x)
        self.check(self.run(replace(x, lattice=x.lattice @ q)), y.positions, y.lattice @ q, y.species)

    @law
    @given(data=st.data(), dtype=DTYPES, seed=st.integers(0, 2**32 - 1))
    def test_periodic_translation(self, data: st.DataObject, dtype: torch.dtype, seed: int) -> None:
        """Another translation of each crystal, and whole periods for each atom: nothing changes."""
        x = self.draw(data, dtype)
        rng = torch.Generator().manual_seed(seed)
        shift = torch.rand(x.segments.num_graphs, 3, generator=rng, dtype=dtype)
        periods = torch.randint(-2, 3, x.positions.shape, generator=rng).to(dtype)
        y = self.run(x)
        moved = replace(x, positions=x.positions + x.segments.expand(shift) + periods)
        self.check(self.run(moved), y.positions, y.lattice, y.species)

    @law
    @given(data=st.data(), dtype=DTYPES, seed=st.integers(0, 2**32 - 1))
    def test_common_velocity(self, data: st.DataObject, dtype: torch.dtype, seed: int) -> None:
        """Another velocity for each crystal, added to those of all its atoms: nothing changes."""
        x = self.draw(data, dtype)
        if x.velocities is None:
            return
        rng = torch.Generator().manual_seed(seed)
        common = torch.randn(x.segments.num_graphs, 3, generator=rng, dtype=dtype)
        y = self.run(x)
        moved = replace(x, velocities=x.velocities + x.segments.expand(common))
        self.check(self.run(moved), y.positions, y.lattice, y.species)

    @law
    @given(data=st.data(), dtype=DTYPES)
    def test_crystals_do_not_see_each_other(self, data: st.DataObject, dtype: torch.dtype) -> None:
        """A crystal alone gives what it gives in a batch."""
        x = self.draw(data, dtype)
        y = self.run(x)
        for graph in range(x.segments.num_graphs):
            atoms = x.segments.index == graph
            self.check(
                self.run(x.of_graph(graph)),
                y.positions[atoms],
                y.lattice[graph : graph + 1],
                None if y.species is None else y.species[atoms],
            )

    @law
    @given(data=st.data(), dtype=DTYPES)
    def test_gradients_are_finite(self, data: st.DataObject, dtype: torch.dtype) -> None:
        """The lattice and every parameter but the `unused` get a finite gradient."""
        x = self.draw(data, dtype)
        x.lattice.requires_grad_()
        y = self.run(x)
        total = y.positions.square().sum() + y.lattice.square().sum()
        total = total if y.species is None else total + y.species.logsumexp(1).sum()
        wanted = {"lattice": x.lattice, **dict(self.network(dtype).named_parameters())}
        assert_finite_gradients(total, wanted, self.unused)

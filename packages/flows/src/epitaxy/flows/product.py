"""Several flows side by side, one for each variable of a structure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from epitaxy.flows._checks import check_option
from epitaxy.flows._wrapped import at_temperature
from epitaxy.flows.protocol import Collective, Correcting, Features, Flow
from epitaxy.geometry import Rng, RngSource, Segments, filled, number_of

Level = Literal["atom", "graph"]


@runtime_checkable
class Refreshable(Protocol):
    """A flow that keeps something to be renewed as training goes on."""

    def refresh(self, round: int) -> None:
        """Bring it to a round."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One field of a product: its flow, how it gets a time a row, and its numbers."""

    name: str
    flow: Flow[Any]
    rows: Callable[[Tensor], Tensor]
    rng: Rng


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFlow:
    """The verbs of `Flow` on mappings by field name, with one time a graph.

    Fields evolve independently given the data; the network, which sees them all, ties them together. Each
    field draws from its own source, `source.rows(field, level)`.

    >>> flow = ProductFlow(
    ...     flows={"positions": circular, "lattice": GaussianBFN(grid=8)},
    ...     levels={"positions": "atom", "lattice": "graph"},
    ... )
    >>> source = StructureRng(seeds, segments)
    >>> states = flow.corrupt({"positions": f, "lattice": k}, t, segments=segments, source=source)

    Args:
        flows: the flow of each field.
        levels: whether a field's rows are atoms or graphs.

    """

    flows: Mapping[str, Flow[Any]]
    levels: Mapping[str, Level]

    def __post_init__(self) -> None:
        if not self.flows or set(self.flows) != set(self.levels):
            raise ValueError(
                f"flows {sorted(self.flows)} and levels {sorted(self.levels)} must name the same fields"
            )
        for field, level in self.levels.items():
            check_option(f"level of {field}", level, ("atom", "graph"))
        grids = {flow.grid for flow in self.flows.values()} - {None}
        if len(grids) > 1:
            raise ValueError(f"flows of one product share one grid, these have {sorted(map(str, grids))}")

    @property
    def grid(self) -> int | None:
        """The grid of the flows that have one; None if time is continuous for all."""
        return next((flow.grid for flow in self.flows.values() if flow.grid is not None), None)

    def with_steps(self, n: int) -> "ProductFlow":
        """Return the same product with every flow on a grid of n steps."""
        return replace(self, flows={field: flow.with_steps(n) for field, flow in self.flows.items()})

    def with_sampler(self, name: str) -> "ProductFlow":
        """Return the same product with this sampler on every flow that has it; the others keep theirs.

        Raises:
            ValueError: if no flow has it.

        """
        known = {sampler for flow in self.flows.values() for sampler in flow.samplers}
        check_option("sampler", name, sorted(known))
        flows = {
            field: flow.with_sampler(name) if name in flow.samplers else flow
            for field, flow in self.flows.items()
        }
        return replace(self, flows=flows)

    def with_temperature(self, temperature: float) -> "ProductFlow":
        """Return the same product, sampled at another temperature where a flow has one.

        Raises:
            ValueError: if none has, or it is out of range.

        """
        changed = {field: at_temperature(flow, temperature) for field, flow in self.flows.items()}
        if all(flow is None for flow in changed.values()):
            raise ValueError(
                "no flow of this model has one: kinetic positions, real numbers in Bayesian flows and "
                "categorical_bfn labels have"
            )
        return replace(self, flows={field: changed[field] or flow for field, flow in self.flows.items()})

    def replacing(self, **flows: Flow[Any]) -> "ProductFlow":
        """Return the same product with these fields' flows in place of theirs.

        Raises:
            ValueError: if there is no such field.

        """
        for field in flows:
            check_option("field", field, sorted(self.flows))
        return replace(self, flows={**self.flows, **flows})

    @property
    def corrections(self) -> int:
        """Corrections before every step: the most that one of the flows asks for."""
        return max(flow.corrections if isinstance(flow, Correcting) else 0 for flow in self.flows.values())

    def refresh(self, round: int) -> None:
        """Bring to a round of training whatever the flows keep."""
        for flow in self.flows.values():
            if isinstance(flow, Refreshable):
                flow.refresh(round)

    def prior(
        self, like: Mapping[str, Tensor], *, segments: Segments | None = None, source: RngSource
    ) -> dict[str, Any]:
        """Draw every field's state at t = 0 for data of the shapes, dtypes and devices of `like`.

        Raises:
            ValueError: if `segments` are given and a field has not one row for each of its atoms or graphs.

        """
        if segments is not None:
            self._check_rows(like, segments)
        return {
            field: flow.prior(like[field], rng=source.rows(field, self.levels[field]))
            for field, flow in self._on(segments).items()
        }

    def corrupt(
        self, x: Mapping[str, Tensor], t: Float[Tensor, " graphs"], *, segments: Segments, source: RngSource
    ) -> dict[str, Any]:
        """Draw every field's state at t given the data."""
        return {
            part.name: part.flow.corrupt(x[part.name], part.rows(t), rng=part.rng)
            for part in self._parts(segments, source)
        }

    def features(
        self, states: Mapping[str, Any], t: Float[Tensor, " graphs"], *, segments: Segments
    ) -> dict[str, Features]:
        """Return what the network sees of every field's state."""
        return {
            field: flow.features(states[field], self._time(field, t, segments))
            for field, flow in self._on(segments).items()
        }

    def loss(
        self,
        outputs: Mapping[str, Tensor],
        x: Mapping[str, Tensor],
        states: Mapping[str, Any],
        t: Float[Tensor, " graphs"],
        *,
        segments: Segments,
        source: RngSource,
    ) -> dict[str, Float[Tensor, " _rows"]]:
        """Return every field's loss, one value a row of that field."""
        return {
            part.name: part.flow.loss(
                outputs[part.name], x[part.name], states[part.name], part.rows(t), rng=part.rng
            )
            for part in self._parts(segments, source)
        }

    def step(
        self,
        states: Mapping[str, Any],
        outputs: Mapping[str, Tensor],
        t: Float[Tensor, " graphs"],
        s: Float[Tensor, " graphs"],
        *,
        segments: Segments,
        source: RngSource,
    ) -> dict[str, Any]:
        """Draw every field's state at s > t from the states and outputs at t."""
        return {
            part.name: part.flow.step(
                states[part.name], outputs[part.name], part.rows(t), part.rows(s), rng=part.rng
            )
            for part in self._parts(segments, source)
        }

    def correct(
        self,
        states: Mapping[str, Any],
        outputs: Mapping[str, Tensor],
        t: Float[Tensor, " graphs"],
        s: Float[Tensor, " graphs"],
        *,
        segments: Segments,
        source: RngSource,
    ) -> dict[str, Any]:
        """Correct the states of the flows that ask for it, at t; see `Correcting`."""
        return {
            part.name: part.flow.correct(
                states[part.name], outputs[part.name], part.rows(t), part.rows(s), rng=part.rng
            )
            if isinstance(part.flow, Correcting) and part.flow.corrections
            else states[part.name]
            for part in self._parts(segments, source)
        }

    def decode(
        self,
        states: Mapping[str, Any],
        outputs: Mapping[str, Tensor],
        t: Float[Tensor, " graphs"],
        *,
        segments: Segments,
        source: RngSource,
    ) -> dict[str, Tensor]:
        """Return every field's sample, from the last states and outputs."""
        return {
            part.name: part.flow.decode(states[part.name], outputs[part.name], part.rows(t), rng=part.rng)
            for part in self._parts(segments, source)
        }

    def _parts(self, segments: Segments, source: RngSource) -> list[_Part]:
        return [
            _Part(
                name=field,
                flow=flow,
                rows=partial(self._time, field, segments=segments),
                rng=source.rows(field, self.levels[field]),
            )
            for field, flow in self._on(segments).items()
        ]

    def _on(self, segments: Segments | None) -> dict[str, Flow[Any]]:
        """Return the flows, those on atoms told which of them move together."""
        return {
            field: flow.on(segments)
            if segments is not None and self.levels[field] == "atom" and isinstance(flow, Collective)
            else flow
            for field, flow in self.flows.items()
        }

    def _time(self, field: str, t: Float[Tensor, " graphs"], segments: Segments) -> Float[Tensor, " _rows"]:
        """Return each row's time; a number that the host knows stays known."""
        if self.levels[field] == "graph":
            return t
        number = number_of(t)
        if number is None:
            return segments.expand(t)
        return filled(number, segments.num_atoms, dtype=t.dtype, device=t.device)

    def _check_rows(self, x: Mapping[str, Tensor], segments: Segments) -> None:
        for field, level in self.levels.items():
            rows = segments.num_atoms if level == "atom" else segments.num_graphs
            if x[field].shape[0] != rows:
                raise ValueError(f"{field} has {x[field].shape[0]} rows for {rows} {level}s")

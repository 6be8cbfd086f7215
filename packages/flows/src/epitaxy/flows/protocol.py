"""What every flow answers: the verbs that the trainer and the sampler are written against."""

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from jaxtyping import Float, Shaped
from torch import Tensor

from epitaxy.geometry import AnyRng, Segments

State = TypeVar("State")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """What a network may see of a flow's state.

    Attributes:
        value: the state's location, shaped like a network's input for this variable: a point of the torus, a
            mean, probabilities as 2 theta - 1, a class index.
        condition: further channels for each row, such as how certain the state is; None where time says it
            all.
        velocity: how the location moves, for a state that has momentum; a network may see differences of it
            alone, as of positions.

    """

    value: Shaped[Tensor, " rows *event"]
    condition: Float[Tensor, " rows channels"] | None = None
    velocity: Float[Tensor, " rows dim"] | None = None


@runtime_checkable
class Flow(Protocol[State]):
    """The noising and denoising of one variable; generic in its state.

    Rows are the independent units (atoms, or graphs). Times `t` and `s` have one value a row, in [0, 1]: 0 is
    the prior, 1 is data. Both ends belong to it, and everything is finite there: at t = 1, where no step
    begins, what depends on the next step (a loss's weight, a message's accuracy) is the last step's, and
    where something is divided by noise there is as much of it as at the last float32 number before 1.

    The network's raw `output` is interpreted by the flow. A state may be any value that has one row a row: a
    tensor, or a dataclass of tensors (position and velocity, direction and concentration).
    """

    @property
    def grid(self) -> int | None:
        """Number of steps of the flow's discrete time, 0, 1/n, ..., 1; None if its time is continuous."""
        ...

    def prior(self, like: Shaped[Tensor, " rows *event"], *, rng: AnyRng) -> State:
        """Draw the state at t = 0 for data of the shape, dtype and device of `like`."""
        ...

    def corrupt(self, x: Shaped[Tensor, " rows *event"], t: Float[Tensor, " rows"], *, rng: AnyRng) -> State:
        """Draw the state at t given the data x."""
        ...

    def features(self, state: State, t: Float[Tensor, " rows"]) -> Features:
        """Return what the network sees of the state."""
        ...

    def loss(
        self,
        output: Float[Tensor, " rows *event"],
        x: Shaped[Tensor, " rows *_event"],
        state: State,
        t: Float[Tensor, " rows"],
        *,
        rng: AnyRng,
    ) -> Float[Tensor, " rows"]:
        """Return each row's loss, summed over its components; in nats where it is a divergence."""
        ...

    def step(
        self,
        state: State,
        output: Float[Tensor, " rows *event"],
        t: Float[Tensor, " rows"],
        s: Float[Tensor, " rows"],
        *,
        rng: AnyRng,
    ) -> State:
        """Draw the state at s > t from the one at t and the network's output there."""
        ...

    def decode(
        self,
        state: State,
        output: Float[Tensor, " rows *event"],
        t: Float[Tensor, " rows"],
        *,
        rng: AnyRng,
    ) -> Shaped[Tensor, " rows *_event"]:
        """Return the sample, from the last state and the network's output there."""
        ...

    def with_steps(self, n: int) -> "Flow[State]":
        """Return the same flow on a grid of n steps; itself if its time is continuous."""
        ...

    @property
    def samplers(self) -> tuple[str, ...]:
        """The ways of taking a step that this flow has, by name."""
        ...

    def with_sampler(self, name: str) -> "Flow[State]":
        """Return the same flow with another of its `samplers`."""
        ...


@runtime_checkable
class Tempered(Protocol):
    """A flow that can be sampled at a temperature: below 1, nearer to where what it learned is dense."""

    temperature: float

    def with_temperature(self, temperature: float) -> Flow[Any]:
        """Return the same flow at another temperature; 1 is the law that was learned."""
        ...


@runtime_checkable
class Componentwise(Flow[Tensor], Protocol):
    """A flow of real variables that treats every component alike.

    States have the shape of the data, outputs too; steps are linear in them and in the noise, and what is
    drawn, or lost, in one component depends on that component alone.
    """

    def component_losses(
        self,
        output: Float[Tensor, " rows *event"],
        x: Float[Tensor, " rows *event"],
        state: Float[Tensor, " rows *event"],
        t: Float[Tensor, " rows"],
    ) -> Float[Tensor, " rows *event"]:
        """Return each component's part of the loss; `loss` is their sum over a row."""
        ...

    def with_steps(self, n: int) -> "Componentwise":
        """Return the same flow on a grid of n steps; itself if its time is continuous."""
        ...

    def with_sampler(self, name: str) -> "Componentwise":
        """Return the same flow with another of its `samplers`."""
        ...


@runtime_checkable
class Collective(Protocol):
    """A flow whose rows are independent only as long as it is not told which of them move together."""

    def on(self, segments: Segments) -> Flow[Any]:
        """Return the flow for rows that are the atoms of these graphs."""
        ...


@runtime_checkable
class Correcting(Protocol[State]):
    """A flow whose sampler moves the state at a fixed time too, towards the law that it should have there."""

    @property
    def corrections(self) -> int:
        """Number of corrections, each with a network output of its own, before every step."""
        ...

    def correct(
        self,
        state: State,
        output: Float[Tensor, " rows *event"],
        t: Float[Tensor, " rows"],
        s: Float[Tensor, " rows"],
        *,
        rng: AnyRng,
    ) -> State:
        """Draw another state at t, given the network's output there; the next step will be to s."""
        ...

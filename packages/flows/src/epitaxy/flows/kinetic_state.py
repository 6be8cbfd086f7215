"""States of kinetic diffusion: moving points, and what noise moved them."""

from dataclasses import dataclass

from epitaxy.flows._types import Points


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KineticState:
    """Moving points.

    Attributes:
        position: in the manifold's units, in [0, period).
        velocity: radians per unit of noise time, 2 pi being a period; one of a few units at most.

    """

    position: Points
    velocity: Points


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorruptedKineticState(KineticState):
    """A state that was made from data, and by which noise.

    Attributes:
        noise: standard normal; the displacement from the data, before wrapping, was slope * velocity + spread
            * noise.

    """

    noise: Points

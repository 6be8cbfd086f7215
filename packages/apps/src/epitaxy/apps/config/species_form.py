"""How atom types go into a network and come out of it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesForm:
    """What a network must be built for.

    Attributes:
        kind: "index", an embedding of one of ``channels`` labels; or "probabilities", a linear map of a
            vector of ``channels`` numbers.
        channels: number of labels, or length of the vector.
        outputs: channels of the network's answer; 0 where the composition is given.
        components: how many numbers the flow's loss is a sum over, for an atom.
    """

    kind: Literal["index", "probabilities"]
    channels: int
    outputs: int
    components: int

"""The shapes that the flows' verbs take and give, by name; see `protocol.Flow` for what rows are."""

from typing import TypeAlias

from jaxtyping import Float, Int
from torch import Tensor

Values: TypeAlias = Float[Tensor, " rows *event"]
"""Real data of any shape a row, and states and outputs shaped like them."""

Points: TypeAlias = Float[Tensor, " rows dim"]
"""Points of a space of `dim` coordinates, one a row, and what has a number for each of these."""

Labels: TypeAlias = Int[Tensor, " rows"]
"""Class labels, one a row."""

Codes: TypeAlias = Float[Tensor, " rows channels"]
"""A vector for the label of each row, or what is predicted of it."""

Scores: TypeAlias = Float[Tensor, " rows *event classes"]
"""A number for each class: logits, logarithms of probabilities."""

PerRow: TypeAlias = Float[Tensor, " rows"]
"""One number a row: times in [0, 1], losses, what depends on time alone."""

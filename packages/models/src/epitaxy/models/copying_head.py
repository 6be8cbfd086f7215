"""CopyingHead: logits of labels of which several in a crystal are the same."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from epitaxy.geometry import Segments
from epitaxy.models._parts import Sharpness, perceptron
from epitaxy.models.rotary_attention import Padding

_OWN = 3.0
"""Logit of a label of one's own, at the beginning: most is decided without copying."""
_FLOOR = 1e-12
"""Of probabilities: keeps logarithms and their slopes finite."""


class CopyingHead(nn.Module):
    """Logits of each orbit's label: one of its own, or that of another orbit of the crystal.

    A pointer-generator (See et al., ACL 2017) over the orbits. With p_i the softmax of a perceptron's logits,
    and q_j ~ p_j exp(c(t) y_j) what orbit j is believed to be, given also its own evidence y_j, orbit i's
    probabilities are `a_i p_i + sum over j of a_ij q_j` over the others, with attention weights whose sum
    is 1. Without it each orbit has to name one of all elements anew, and a crystal of many orbits gets too
    many elements.

    Permuting orbits permutes the logits; crystals do not see each other.

    Args:
        hidden: width of the features.
        classes: of labels.
        time_dim: channels of the time embedding, which sharpens evidence.
        width: of queries and keys.

    """

    def __init__(self, *, hidden: int, classes: int, time_dim: int, width: int = 64) -> None:
        super().__init__()
        self.own = perceptron(hidden, hidden, classes)
        self.sharpness = Sharpness(time_dim)
        self.queries_keys = nn.Linear(hidden, 2 * width)
        self.alone = nn.Linear(hidden, 1)
        nn.init.constant_(self.alone.bias, _OWN)

    def forward(
        self,
        segments: Segments,
        atoms: Float[Tensor, "atoms hidden"],
        evidence: Float[Tensor, "atoms classes"],
        of_time: Float[Tensor, "graphs time_dim"],
    ) -> Float[Tensor, "atoms classes"]:
        """Return logits, which are logarithms of probabilities.

        Args:
            segments: which orbits belong to which crystal.
            atoms: features of the orbits.
            evidence: what each orbit's own belief says of its label.
            of_time: embedding of each crystal's time.

        """
        dtype = evidence.dtype  # of sums of probabilities: the full one under autocast too
        padding = Padding.of(segments)
        own = self.own(atoms).to(dtype)
        sharpness = self.sharpness.of_rows(of_time, segments, dtype)
        believed = padding.spread((own + sharpness * evidence).softmax(-1)[:, None, None])[0, :, 0]
        weights = self._weights(atoms, padding, dtype)
        copied = padding.gather((weights[..., 1:] @ believed)[:, None]).squeeze(1)
        alone = padding.gather(weights[:, None, :, :1]).squeeze(1)
        logits: Tensor = (alone * own.softmax(-1) + copied + _FLOOR).log()
        return logits

    def _weights(
        self, atoms: Float[Tensor, "atoms hidden"], padding: Padding, dtype: torch.dtype
    ) -> Float[Tensor, "graphs longest 1+longest"]:
        """Return of each orbit the weight of a label of its own, then those of the others' labels."""
        q, k = padding.spread(self.queries_keys(atoms).unflatten(1, (2, 1, -1)))[:, :, 0].to(dtype)
        logits = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        itself = torch.eye(logits.shape[-1], dtype=torch.bool, device=logits.device)
        logits = logits.masked_fill(~padding.taken[:, None, :] | itself, -torch.inf)
        alone = padding.spread(self.alone(atoms).to(dtype)[:, None, None])[0, :, 0]
        return torch.cat([alone, logits], dim=-1).softmax(-1)

"""A bank of exact circular trajectories, from which the flow distribution is drawn at constant cost."""

from collections.abc import Sequence

import torch
from jaxtyping import Float32, Int
from torch import Tensor

from epitaxy.flows._checks import check_count
from epitaxy.flows._rows import column
from epitaxy.flows.circular_messages import Resultant
from epitaxy.flows.schedules import EntropySchedule
from epitaxy.geometry import AnyRng, as_rng, structure_seed, von_mises_noise


class TrajectoryBank:
    """Exact trajectories of (m - x, c) over all n steps, shared by all draws.

    The law of (m_i - x, c_i) is the same for every x. So rather than drawing i messages for a coordinate,
    pick one of `size` trajectories made beforehand, look it up at step i, and reflect it (m - x -> x - m,
    under which the law is symmetric) with probability 1/2.

    What that means: a single draw has exactly the marginal law of the flow distribution, over the randomness
    of the bank and of the pick. Draws from one bank share its 2 size trajectories, so a mean over very many
    draws is no more precise than a mean over `size` independent ones. Training renews the bank block by
    block, so that in the long run this averages out. Sampling does not use a bank: what one model generates
    would carry one bank's error for ever.

    The content is a function of (schedule, size, seed, blocks, round) alone: block b comes from the last
    round r <= round with r = b modulo blocks (before round 0, a negative one), drawn with a generator seeded
    from (seed, r). A training run that resumes at a round has the bank it would have had.

    Memory: 8 size (n + 1) bytes (33 MB for 4096 trajectories of 1000 steps), filled when first drawn from.
    """

    def __init__(
        self, schedule: EntropySchedule, *, size: int = 4096, seed: int = 0, blocks: int = 16
    ) -> None:
        """Describe the bank; nothing is drawn yet.

        Raises:
            ValueError: unless `blocks` divides `size` into blocks of at least one trajectory.

        """
        check_count("size", size)
        check_count("blocks", blocks)
        if size % blocks:
            raise ValueError(f"size must be a positive multiple of blocks, not {size} and {blocks}")
        self.schedule, self.size, self.seed, self.blocks = schedule, size, seed, blocks
        self._round = -1
        self._drawn: dict[int, int] = {}
        self._table = torch.empty(0)
        self._on: dict[torch.device, Tensor] = {}

    @property
    def round(self) -> int:
        """The round that the bank is at; -1 before the first refresh."""
        return self._round

    def refresh(self, round: int) -> None:
        """Bring the bank to a round: one block is redrawn a round. To go back gives the old content back."""
        self._round = round

    def draw(self, index: Int[Tensor, " rows"], event: Sequence[int], *, rng: AnyRng) -> Resultant:
        """Draw a trajectory at step `index` (0, ..., n) of its row, picked independently for every component.

        Returns float32 on the device of `index`. At step 0 the length is 0.
        """
        table = self._content(index.device)
        shape = (index.shape[0], *event)
        pick = as_rng(rng).integers(2 * self.size, shape, device=index.device)
        entry = table[column(index, len(shape)), pick // 2]
        sign = (1 - 2 * (pick % 2)).to(table.dtype)
        return Resultant(deviation=entry[..., 0] * sign, length=entry[..., 1])

    def _content(self, device: torch.device) -> Float32[Tensor, " steps size polar"]:
        """Return the table of this round, on a device."""
        wanted = {block: self._last_round(block) for block in range(self.blocks)}
        if wanted != self._drawn:
            self._redraw(wanted)
        if device not in self._on:
            self._on[device] = self._table.to(device)
        return self._on[device]

    def _last_round(self, block: int) -> int:
        return self._round - (self._round - block) % self.blocks

    def _redraw(self, wanted: dict[int, int]) -> None:
        """Draw the blocks that are not at the wanted round."""
        if self._table.numel() == 0:
            self._table = torch.empty(self.schedule.steps + 1, self.size, 2)
        width = self.size // self.blocks
        for block, round in wanted.items():
            if self._drawn.get(block) != round:
                self._table[:, block * width : (block + 1) * width] = self._trajectories(width, round)
        self._drawn = wanted
        self._on.clear()

    def _trajectories(self, count: int, round: int) -> Float32[Tensor, " steps count polar"]:
        generator = torch.Generator().manual_seed(structure_seed(self.seed, round))
        accuracy = self.schedule.accuracies()[:, None].expand(-1, count)
        noise = von_mises_noise(accuracy, rng=generator)
        along = (accuracy * torch.cos(noise)).cumsum(0)
        across = (accuracy * torch.sin(noise)).cumsum(0)
        polar = torch.stack([torch.atan2(across, along), torch.hypot(along, across)], dim=-1)
        return torch.cat([polar.new_zeros(1, count, 2), polar]).float()

"""CHGNet's forces and stress for those who only use them: half the work, a fraction of the memory."""

from typing import Any

import torch


def for_use_alone(model: Any) -> Any:
    """Let a CHGNet model compute forces and stress by one backward pass of which nothing is kept.

    Its own code goes back twice, once for each, and keeps the graph of both for a loss that trains on them,
    with what the slopes of all weights would need. Values are the same to rounding.

    Args:
        model: of the class ``CHGNet``; it is changed.

    """
    model.requires_grad_(False)
    plain = model._compute

    def compute(g: Any, *, compute_force: bool = False, compute_stress: bool = False, **words: Any) -> Any:
        if not compute_force:
            with torch.no_grad():
                return plain(g, **words)
        prediction = plain(g, **words)
        energy = prediction["e"] * (prediction["atoms_per_graph"] if model.is_intensive else 1)
        number = len(g.atom_positions)
        moved = [*g.atom_positions, *(g.strains if compute_stress else ())]
        slopes = torch.autograd.grad(energy.sum(), moved)
        prediction["e"] = prediction["e"].detach()
        prediction["f"] = [-slope for slope in slopes[:number]]
        if compute_stress:  # eV per cubic angstrom in GPa, as there
            scales = 160.21766208 / g.volumes
            prediction["s"] = [slope * scale for slope, scale in zip(slopes[number:], scales, strict=True)]
        return prediction

    model._compute = compute
    return model

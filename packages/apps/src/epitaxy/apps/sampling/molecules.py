"""Requests for molecules, with numbers of atoms that are drawn or given."""

from collections.abc import Mapping, Sequence

from epitaxy.apps.errors import UsageError
from epitaxy.apps.sampling.request import TargetedRequest, draw
from epitaxy.apps.say import say
from epitaxy.data.molecules import MoleculeStatistics
from epitaxy.geometry import structure_seed


def for_sizes(
    sizes: Sequence[int],
    statistics: MoleculeStatistics,
    *,
    num: int,
    seed: int,
    targets: Mapping[str, float],
    guidance: float = 0.0,
) -> list[TargetedRequest]:
    """Return ``num`` requests for each number of atoms, or in all, with numbers as training had them.

    Raises:
        UsageError: a number of atoms below one. One that training never saw is said aloud.
    """
    if sizes and min(sizes) < 1:
        raise UsageError(f"--num-atoms {min(sizes)}: a molecule has at least one atom")
    seen = statistics.atoms_per_molecule
    for unusual in sizes:
        if not min(seen) <= unusual <= max(seen):
            say(
                f"--num-atoms {unusual}: training had {min(seen)} to {max(seen)}; this is a guess beyond them"
            )
    requests: list[TargetedRequest] = []
    for size in sizes or (None,):
        for _ in range(num):
            own = structure_seed(seed, len(requests))
            requests.append(
                TargetedRequest(
                    id=f"{len(requests):06d}",
                    seed=own,
                    num_atoms=size or draw(statistics.atoms_per_molecule, own),
                    targets=targets,
                    guidance=guidance,
                )
            )
    return requests

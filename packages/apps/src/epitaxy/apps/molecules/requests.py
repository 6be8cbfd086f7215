"""Requests for molecules, with numbers of atoms that are drawn or given."""

from collections import Counter
from collections.abc import Mapping, Sequence

from epitaxy.apps.requests.elements import ANY, Palette
from epitaxy.apps.requests.formulas import check_elements
from epitaxy.apps.requests.request import TargetedRequest, draw
from epitaxy.apps.requests.sizes import check_sizes
from epitaxy.apps.requests.start import Start
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
    palette: Palette = ANY,
    start: Start | None = None,
) -> list[TargetedRequest]:
    """Return ``num`` requests for each number of atoms, or in all, with numbers as training had them.

    Raises:
        UsageError: a number of atoms below one, or below the number of elements that there must be. One that
            training never saw is said aloud.
    """
    if start is not None:
        numbers = start.batch.numbers.tolist()
        check_elements(Counter(numbers), statistics.vocabulary, what="--like")
        if start.pins is not None:
            start.pins.check(numbers, palette)
    check_sizes(sizes, statistics.atoms_per_molecule, palette, noun="molecule")
    drawn = {} if sizes else palette.fitting(statistics.atoms_per_molecule, noun="molecules")
    requests: list[TargetedRequest] = []
    for size in sizes or (None,):
        for _ in range(num):
            own = structure_seed(seed, len(requests))
            requests.append(
                TargetedRequest(
                    id=f"{len(requests):06d}",
                    seed=own,
                    num_atoms=size or draw(drawn, own),
                    targets=targets,
                    guidance=guidance,
                    palette=palette,
                    start=start,
                )
            )
    return requests

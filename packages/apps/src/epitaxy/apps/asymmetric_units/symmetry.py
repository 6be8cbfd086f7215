"""Which space groups are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.suggest import suggest
from epitaxy.data.wyckoff import WyckoffStatistics
from epitaxy.geometry.symmetry import crystal_system, space_group_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Symmetry:
    """Which space groups are asked for.

    Attributes:
        groups: these, each for as many structures as are asked for; empty: drawn as training has them.
        systems: drawn from these crystal systems alone; empty: from all.
    """

    groups: tuple[int, ...] = ()
    systems: tuple[str, ...] = ()

    @classmethod
    def parse(cls, groups: Sequence[int | str], systems: Sequence[str]) -> "Symmetry":
        """Check the words; groups are numbers or symbols, as ``space_group_number`` takes them.

        Raises:
            UsageError: a word that is no space group or no crystal system, or both kinds.
        """
        numbers = tuple(group_number(word) for word in groups)
        known = tuple(dict.fromkeys(crystal_system(number) for number in range(1, 231)))
        for word in systems:
            if word not in known:
                raise UsageError(f"--crystal-system {word}: there is no such system{suggest(word, known)}")
        if numbers and systems:
            raise UsageError("--spacegroup and --crystal-system exclude each other: give one of them")
        return cls(groups=numbers, systems=tuple(systems))

    def weights(self, statistics: WyckoffStatistics) -> dict[int, int]:
        """Return how often training has each group that may be drawn.

        Raises:
            UsageError: training has no crystal of these systems.
        """
        found = {
            number: count
            for number, count in statistics.space_groups.items()
            if not self.systems or crystal_system(number) in self.systems
        }
        if not found:
            raise UsageError(
                f"the model was trained on no {' or '.join(self.systems)} crystals: name space groups with "
                "--spacegroup to try all the same"
            )
        return found


def group_number(word: int | str) -> int:
    """Return the number of a space group that a user names by it or by a symbol.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return space_group_number(word)
    except ValueError as error:
        raise UsageError(f"--spacegroup {str(word)[:40]}: {error}") from error

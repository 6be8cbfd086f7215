"""Which atoms of a given structure are generated anew, and the rest as it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
from ase import Atoms
from pymatgen.core import Structure

from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.requests.elements import Palette

What = Literal["positions", "elements", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """The atoms that are free.

    Attributes:
        free: their places in the structure, counted from 0. (Users count from 1.)
        what: what of them is generated.
    """

    free: tuple[int, ...]
    what: What

    @property
    def positions(self) -> tuple[int, ...]:
        """The atoms whose positions are generated."""
        return () if self.what == "elements" else self.free

    @property
    def elements(self) -> tuple[int, ...]:
        """The atoms whose elements are generated."""
        return () if self.what == "positions" else self.free

    @property
    def sites(self) -> tuple[int, ...]:
        """Of asymmetric units, the orbits whose Wyckoff positions are generated."""
        return self.free if self.what == "both" else ()

    def rows(self, field: str) -> tuple[int, ...]:
        """Return the atoms of which a field of labels or points is generated."""
        return {"positions": self.positions, "symmetry": self.sites}.get(field, self.elements)

    @classmethod
    def parse(cls, free: str | Sequence[int] | None, what: str | None, *, given: bool) -> "Pins":
        """Read sites, counted from 1 as in ``3,4``, and what is free of them.

        Args:
            free: the sites.
            what: by default "both", or "positions" where the composition is ``given``.
            given: whether the model is given the composition.

        Raises:
            UsageError: no such words.
        """
        listed = [part.strip() for part in free.split(",")] if isinstance(free, str) else list(free or ())
        if not listed or not all(str(site).isdecimal() and int(site) > 0 for site in listed):
            raise UsageError("--fix needs --free: the sites to generate, counted from 1, as in --free 3,4")
        chosen = what or ("positions" if given else "both")
        if chosen not in get_args(What):
            raise UsageError(f"--free-what {chosen}: choose {', '.join(get_args(What))}")
        if given and chosen != "positions":
            raise UsageError(
                f"--free-what {chosen}: this model is given its composition; positions can be free"
            )
        return cls(free=tuple(sorted({int(site) - 1 for site in listed})), what=cast(What, chosen))

    def check_sites(self, count: int) -> None:
        """Refuse sites that a structure of so many has not.

        Raises:
            UsageError: naming the last.
        """
        if self.free[-1] >= count:
            raise UsageError(f"--free {self.free[-1] + 1}: the structure --fix has {count} sites")

    def check(self, numbers: Sequence[int], palette: Palette) -> None:
        """Refuse sites that are not there, and elements that what is kept cannot have.

        Raises:
            UsageError: naming them.
        """
        self.check_sites(len(numbers))
        kept = {z for place, z in enumerate(numbers) if place not in self.elements}
        if palette.allowed is not None and not kept <= palette.allowed:
            raise UsageError("--fix keeps an element that --elements, --chemical-system or --without bars")
        if len(palette.required - kept) > len(self.elements):
            raise UsageError("--fix leaves too few atoms free for all elements of --chemical-system")


def restored(made: Structure | Atoms, given: Structure | Atoms, pins: Pins) -> Structure | Atoms:
    """Return what was made, with all that was kept as it was given, to the bit."""
    if isinstance(made, Atoms):
        assert isinstance(given, Atoms)
        return _molecule(made, given, pins)
    assert isinstance(given, Structure)
    return _crystal(made, given, pins)


def _crystal(made: Structure, given: Structure, pins: Pins) -> Structure:
    coordinates, species = np.array(given.frac_coords), [site.species for site in given]
    # A left-handed cell is generated with its points inverted, as training data have it.
    hand = float(np.sign(np.linalg.det(given.lattice.matrix)))
    for place in pins.positions:
        coordinates[place] = (hand * made.frac_coords[place]) % 1.0
    for place in pins.elements:
        species[place] = made[place].species
    return Structure(given.lattice, species, coordinates)


def _molecule(made: Atoms, given: Atoms, pins: Pins) -> Atoms:
    kept = [place for place in range(len(given)) if place not in pins.positions]
    shift = (given.positions[kept] - made.positions[kept]).mean(0) if kept else np.zeros(3)
    positions, numbers = given.positions.copy(), given.numbers.copy()
    for place in pins.positions:
        positions[place] = made.positions[place] + shift
    for place in pins.elements:
        numbers[place] = made.numbers[place]
    return Atoms(numbers=numbers, positions=positions)

"""A crystal to start from, by its asymmetric unit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from ase import Atoms
from pymatgen.core import Element, Structure

from epitaxy.apps.crystals.start import given_crystal
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.requests.pins import Pins
from epitaxy.apps.requests.start import Start
from epitaxy.data import to_structures
from epitaxy.data.convert import positions_as
from epitaxy.data.wyckoff import WyckoffDataset, asymmetric_unit
from epitaxy.geometry import WyckoffBatch
from epitaxy.geometry.symmetry import space_group, wyckoff_table

_SAID = {"positions": "positions", "elements": "elements", "both": "elements and Wyckoff positions"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrbitStart(Start):
    """A crystal of which some orbits are generated: its conventional cell, the atoms that are kept first.

    Attributes:
        kept: atoms of the orbits that are kept.
    """

    kept: int

    def restored(self, made: Structure | Atoms) -> Structure:
        """Return the kept atoms and the cell as they are in the conventional cell, to the bit."""
        given, pins = self.structure, self.pins
        assert isinstance(made, Structure)
        assert isinstance(given, Structure)
        assert pins is not None
        points = made if pins.positions else given
        labels = made if pins.elements else given
        species = [site.species for site in (*given[: self.kept], *labels[self.kept :])]
        coordinates = [site.frac_coords for site in (*given[: self.kept], *points[self.kept :])]
        return Structure(given.lattice, species, coordinates)


def wyckoff_start(
    like: str | Path | Structure | Atoms, strength: float, pins: Pins | None, *, symprec: float
) -> Start:
    """Return a crystal to start from by its asymmetric unit.

    Where atoms are kept, it is brought into the conventional cell of its space group, and an atom that is
    free frees its whole orbit. What becomes of which orbit is said aloud.

    Raises:
        UsageError: no file of one crystal, or sites that it has not or that cannot move.
        DataError: a crystal that cannot be used.
    """
    structure = given_crystal(like)
    if pins is not None:
        return _kept(structure, strength, pins, symprec)
    batch = WyckoffDataset.from_structures([structure], symprec=symprec).batch([0])
    return Start(structure=structure, batch=batch, strength=strength)


def _kept(structure: Structure, strength: float, pins: Pins, symprec: float) -> OrbitStart:
    pins.check_sites(len(structure))
    batch, orbit_of = asymmetric_unit(structure, symprec=symprec)
    free = sorted(set(orbit_of[list(pins.free)].tolist()))
    stays = [orbit for orbit in range(len(batch.sites)) if orbit not in free]
    batch = _reordered(batch, [*stays, *free])
    table = wyckoff_table()
    names = _names(batch)
    if pins.what == "positions" and not bool((table.freedom[batch.sites[len(stays) :]] > 0).any()):
        raise UsageError(
            f"--free-what positions: {', '.join(names[len(stays) :])} cannot move in group "
            f"{int(batch.space_groups)}: let --free-what both put them on other Wyckoff positions"
        )
    symbol = space_group(int(batch.space_groups)).symbol
    notify(
        f"--fix: in {symbol}, {_SAID[pins.what]} of {', '.join(names[len(stays) :])} free, "
        f"{', '.join(names[: len(stays)]) or 'the cell alone'} kept"
    )
    return OrbitStart(
        structure=to_structures(batch.expand())[0],
        batch=replace(batch.to(dtype=torch.float32), positions=positions_as(batch.positions, torch.float32)),
        strength=strength,
        pins=replace(pins, free=tuple(range(len(stays), len(names)))),
        kept=int(table.multiplicity[batch.sites[: len(stays)]].sum()),
    )


def _reordered(batch: WyckoffBatch, order: Sequence[int]) -> WyckoffBatch:
    """Return the crystal with its orbits in another order."""
    rows = list(order)
    return replace(
        batch, sites=batch.sites[rows], positions=batch.positions[rows], numbers=batch.numbers[rows]
    )


def _names(batch: WyckoffBatch) -> list[str]:
    """Return what the orbits are called, such as ``O 3c``."""
    table = wyckoff_table()
    pairs = zip(batch.numbers.tolist(), batch.sites.tolist(), strict=True)
    return [f"{Element.from_Z(number).symbol} {table.label(site)}" for number, site in pairs]

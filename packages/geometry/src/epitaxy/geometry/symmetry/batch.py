"""A ragged batch of asymmetric units: one atom of each orbit of each crystal."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry.batch import CrystalBatch
from epitaxy.geometry.columns import per_atom, per_graph
from epitaxy.geometry.lattice import gram
from epitaxy.geometry.ragged_batch import RaggedBatch
from epitaxy.geometry.segments import Segments
from epitaxy.geometry.symmetry.orbits import expand_orbits
from epitaxy.geometry.symmetry.projection import project_to_wyckoff
from epitaxy.geometry.symmetry.table import check_numbers, wyckoff_table

OFF_POSITION = 0.01
"""Angstrom: a point farther than this from its Wyckoff position is not on it; rounding is far below."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WyckoffBatch(RaggedBatch):
    """Crystals side by side as space groups and occupied Wyckoff positions; "atoms" are orbits here.

    Attributes:
        segments: which orbits belong to which structure.
        space_groups: 1 to 230, in the setting of `SpaceGroup`.
        sites: Wyckoff position of each orbit, 0 to 1730, as `wyckoff_table` numbers them.
        positions: fractional coordinates in [0, 1) in the conventional cell: a point of each orbit. It lies
            on one of the members of the position, not necessarily on the first.
        lattice: angstrom, the conventional cell as `lattice_from_k` gives it; rows are lattice vectors.
        numbers: atomic numbers.
        ids: the structures' names.
        properties: one value a structure by name; NaN where it is unknown.

    Raises:
        ValueError: if shapes, kinds of numbers or devices do not agree, or, on the CPU, if a number is not
            finite or no element's; elsewhere a look at values would wait for the accelerator.

    """

    COLUMNS = RaggedBatch.COLUMNS | {
        "space_groups": per_graph(whole=True),
        "sites": per_atom(whole=True),
        "lattice": per_graph(3, 3),
    }
    GRAPHS = "structures"
    ATOMS = "orbits"

    space_groups: Int[Tensor, " graphs"]
    sites: Int[Tensor, " atoms"]
    lattice: Float[Tensor, "graphs 3 3"]

    def expand(self) -> CrystalBatch:
        """List every atom of the conventional cells: each orbit's, orbit after orbit, in [0, 1).

        An orbit has as many atoms as its position's multiplicity says, by the group's operators; nothing is
        compared. Points are first moved to the closest point of their position, which undoes rounding.

        Raises:
            ValueError: if a space group or site does not exist or they do not belong together, if a point is
                more than `OFF_POSITION` from its site, or if a cell does not have the form of its group.

        """
        table = wyckoff_table(self.positions.device).to(dtype=self.positions.dtype)
        self._check_sites(table.number)
        placed = project_to_wyckoff(
            table, self.sites, self.positions, self.segments.expand(gram(self.lattice))
        )
        off = placed.distance > OFF_POSITION
        if bool(off.any()):
            orbit = int(off.nonzero()[0, 0])
            raise ValueError(
                f"structure {self.ids[int(self.segments.index[orbit])]} has a point "
                f"{float(placed.distance[orbit]):.3f} angstrom off its Wyckoff position "
                f"{table.label(int(self.sites[orbit]))}; move it there by project_to_wyckoff"
            )
        orbits = expand_orbits(table, self.sites, placed.coordinates, placed.member)
        return CrystalBatch(
            segments=Segments.from_counts(self.segments.sum(orbits.segments.counts)),
            positions=orbits.coordinates,
            lattice=self.lattice,
            numbers=orbits.segments.expand(self.numbers),
            ids=self.ids,
            properties=self.properties,
        )

    def _check_sites(self, number: Tensor) -> None:
        check_numbers(self.space_groups)
        if bool(((self.sites < 0) | (self.sites >= len(number))).any()):
            raise ValueError(f"sites have the numbers 0 to {len(number) - 1} of wyckoff_table()")
        group = self.segments.expand(self.space_groups)
        foreign = number[self.sites] != group
        if bool(foreign.any()):
            orbit = int(foreign.nonzero()[0, 0])
            raise ValueError(
                f"structure {self.ids[int(self.segments.index[orbit])]} of space group {int(group[orbit])} "
                f"has site {int(self.sites[orbit])}, which belongs to group {int(number[self.sites[orbit]])}"
            )

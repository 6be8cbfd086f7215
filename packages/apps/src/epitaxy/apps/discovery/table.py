"""The table of a search: a line for each distinct candidate."""

from epitaxy.apps.discovery.result import Find

COLUMNS = (
    "rank", "id", "formula", "atoms", "probability", "above_best", "e_above_hull", "energy", "enthalpy",
    "spacegroup", "density", "volume_per_atom", "found", "found_by", "origin", "known", "closest_known",
    "distance", "converged", "reason",
)  # fmt: skip
"""Of the table: energies in eV/atom, density in g/cm3, volume in cubic angstrom, distance in angstrom."""

Row = dict[str, str | float | int | bool | None]


def row_of(rank: int, find: Find) -> Row:
    """Return a line of the table."""
    candidate, structure = find.candidate, find.structure
    like = find.likeness
    row = candidate.row()
    return {
        "rank": rank,
        "id": candidate.id,
        "formula": row["formula"],
        "atoms": row["atoms"],
        "probability": find.probability,
        "above_best": row["above_best"],
        "e_above_hull": row["e_hull"],
        "energy": row["energy"],
        "enthalpy": row["enthalpy"],
        "spacegroup": find.spacegroup or None,
        "density": None if structure is None else float(structure.density),
        "volume_per_atom": None if structure is None else structure.volume / len(structure),
        "found": find.found,
        "found_by": find.found_by,
        "origin": str(find.origins[0]),
        "known": candidate.known,
        "closest_known": None if like is None else like.id,
        "distance": None if like is None else like.distance,
        "converged": None if candidate.relaxed is None else candidate.relaxed.converged and find.fine,
        "reason": row["reason"],
    }

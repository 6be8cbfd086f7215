"""Which method energies stand for: those of different methods say nothing beside each other."""

from collections.abc import Iterable, Mapping
from typing import Any

PBE = "PBE with +U and the Materials Project's 2020 corrections"
PBE_RAW = "PBE with +U, uncorrected"
R2SCAN = "r2SCAN"

_RUN_TYPES = {"GGA": PBE, "GGA+U": PBE, "PBE": PBE, "PBE+U": PBE, "R2SCAN": R2SCAN, "PBESOL": "PBEsol"}


def stated_method(record: Mapping[str, Any]) -> str | None:
    """Return the method that a pymatgen entry, as a dictionary, says its energy is of; None if it does not.

    GGA and GGA+U are one here: the Materials Project's corrections make them so.
    """
    for place in ("parameters", "data"):
        held = record.get(place)
        run_type = held.get("run_type") if isinstance(held, Mapping) else None
        if isinstance(run_type, str):
            return _RUN_TYPES.get(run_type.upper(), run_type)
    return None


def one_method(methods: Iterable[str | None], source: str) -> str | None:
    """Return the one method that is stated; None if none is.

    Raises:
        ValueError: If there are several.

    """
    stated = sorted({method for method in methods if method is not None})
    if len(stated) > 1:
        raise ValueError(
            f"{source} holds energies of {' and of '.join(stated)}, which are not to be mixed: keep one of "
            f"them"
        )
    return stated[0] if stated else None


def check_same(hull: str | None, potential: str | None, *, source: str, name: str) -> None:
    """Refuse a hull and a potential that are known to stand for different methods.

    Raises:
        ValueError: naming both.

    """
    if hull is not None and potential is not None and hull != potential:
        raise ValueError(
            f"the energies of {source} are {hull} and those of {name} are {potential}: they are not to be "
            f"mixed. "
            "Take a potential of that method, or known crystals, of which the hull is built by the potential"
        )

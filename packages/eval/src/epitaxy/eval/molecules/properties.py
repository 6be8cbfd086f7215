"""Whether molecules made for a property have it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from epitaxy.eval.intervals import bootstrap_interval
from epitaxy.eval.report import Report


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PropertyResult:
    """Requested against measured values of one property.

    Attributes:
        name: The property.
        unit: Its unit; empty if it has none.
        ids: One name a molecule.
        requested: What the model was asked for.
        measured: What the molecules have, by whatever measures it; NaN where that could not be told.

    """

    name: str
    unit: str
    ids: tuple[str, ...]
    requested: Float64[np.ndarray, " molecules"]
    measured: Float64[np.ndarray, " molecules"]

    @property
    def errors(self) -> Float64[np.ndarray, " known"]:
        """Measured minus requested, where it could be measured."""
        known: np.ndarray = np.isfinite(self.measured)
        return np.asarray((self.measured - self.requested)[known], dtype=np.float64)

    def mae(self) -> float | None:
        """Mean absolute error over the molecules that could be measured; None if there are none."""
        return float(np.abs(self.errors).mean()) if len(self.errors) else None

    def mae_unconditional(self) -> float | None:
        """Mean over all pairings of a request with a measured value: the error of one that did not listen.

        EDM (arXiv:2203.17003, Sec. 5.2) estimates the like by one shuffle of the labels.
        """
        known = np.isfinite(self.measured)
        if not known.any():
            return None
        requested, measured = self.requested[known], np.sort(self.measured[known])
        sums = np.concatenate([np.zeros(1), np.cumsum(measured)])
        below = np.searchsorted(measured, requested)
        total = requested * (2 * below - len(measured)) + sums[-1] - 2 * sums[below]
        return float(total.sum() / len(measured) ** 2)

    def report(self) -> Report:
        """Give the figures with their intervals, counts and notes."""
        known = len(self.errors)
        none = "no molecule could be measured"
        metrics = {
            "mae": self.mae(),
            "bias": float(self.errors.mean()) if known else None,
            "mae_unconditional": self.mae_unconditional(),
        }
        interval = bootstrap_interval(np.abs(self.errors).tolist())
        missing = np.flatnonzero(~np.isfinite(self.measured)).tolist()
        notes = {} if known else dict.fromkeys(metrics, none)
        if missing and known:
            notes["unmeasured"] = "molecules that could not be measured play no part in the errors"
        return Report(
            protocol={
                "name": "property",
                "definition": "Mean absolute difference of measured and requested values, by molecule.",
                "parameters": {"property": self.name, "unit": self.unit},
            },
            counts={"molecules": len(self.ids), "unmeasured": len(missing)},
            metrics=metrics,
            intervals={} if interval is None else {"mae": interval},
            notes=notes,
            ids={"unmeasured": tuple(self.ids[n] for n in missing)},
        )

    def to_json(self) -> dict[str, object]:
        """Give the report as plain JSON values: protocol, counts, metrics, intervals, notes, ids."""
        return self.report().to_json()


def evaluate_property(
    requested: Sequence[float],
    measured: Sequence[float],
    *,
    name: str,
    unit: str = "",
    ids: Sequence[str] | None = None,
) -> PropertyResult:
    """Compare what a conditional model was asked for with what its molecules have.

    Args:
        requested: One value a molecule; finite.
        measured: One value a molecule, in the same unit; NaN where it could not be measured.
        name: The property.
        unit: Its unit.
        ids: One name a molecule; "0", "1", ... by default.

    Raises:
        ValueError: If the lengths differ, or a request is not finite.

    """
    asked, found = np.array(requested, dtype=np.float64), np.array(measured, dtype=np.float64)
    names = tuple(str(n) for n in range(len(asked))) if ids is None else tuple(ids)
    if asked.shape != found.shape or len(names) != len(asked):
        raise ValueError(
            f"{len(asked)} requested values, {len(found)} measured ones and {len(names)} ids; give one of "
            f"each a molecule"
        )
    if not np.isfinite(asked).all():
        raise ValueError(f"a requested value of {name} is not a finite number; leave that molecule out")
    return PropertyResult(name=name, unit=unit, ids=names, requested=asked, measured=found)

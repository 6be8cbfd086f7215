"""``epitaxy measure``: properties of molecules by quantum chemistry, the nearest to what was asked first."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import typer
from jaxtyping import Float64

from epitaxy.apps.evaluation.crystals import announce
from epitaxy.apps.evaluation.molecules import Read, read_samples
from epitaxy.apps.evaluation.settings import Compute, check_writable, sentences, stages
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.files import write_text
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.requests.request import TARGET
from epitaxy.data.molecules import write_sdf, write_xyz
from epitaxy.eval.molecules import (
    PROPERTY_UNITS,
    XTB_LIMIT,
    MeasuredProperties,
    MoleculeResult,
    bond_orders,
    evaluate_molecules,
    evaluate_property,
    measure_properties,
    property_labels,
)
from epitaxy.geometry import MoleculeBatch, Segments

FORMS = (".csv", ".sdf", ".extxyz")

Row = dict[str, str | int | float | bool | None]
Targets = Mapping[str, Float64[np.ndarray, " molecules"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureOptions:
    """What ``measure`` is asked to do."""

    samples: str
    out: Path
    targets: Mapping[str, float]
    num: int | None
    split: str
    root: Path | None
    compute: Compute


def run_measure(options: MeasureOptions) -> None:
    """Measure molecules, rank them, write the table or the structures."""
    _check(options)
    read = read_samples(options.samples, options.split, options.root)
    announce(options.samples, read.rejects)
    targets = _targets(options, read)
    workers, limit = options.compute.processes(), options.compute.limit(XTB_LIMIT)
    with sentences(), stages() as progress:
        found = measure_properties(
            read.molecules, workers=workers, timeout_s=limit,
            progress=lambda done, total: progress("measuring molecules", done, total),
        )  # fmt: skip
        judged = evaluate_molecules(
            read.molecules, workers=workers, timeout_s=limit,
            progress=lambda done, total: progress("naming molecules", done, total),
        )  # fmt: skip
    ranked = _Ranked(found, judged, targets)
    places = ranked.order()[: options.num]
    for line in _said(found, targets, places):
        typer.echo(line)
    _write(options.out, read, ranked, places)
    unmeasured = f"; {len(found.reasons)} could not be measured" if found.reasons else ""
    notify(f"{len(found.ids)} molecules{unmeasured}, {len(places)} lines in {options.out}")


def _check(options: MeasureOptions) -> None:
    if options.out.suffix not in FORMS:
        raise UsageError(f"--out {options.out}: end its name in {', '.join(FORMS)}, which says what to write")
    check_writable("--out", options.out)
    options.compute.check(XTB_LIMIT)
    for name, value in options.targets.items():
        known = property_labels(name)
        if not known.low <= value <= known.high:
            notify(
                f"--property {name}={value:g}: QM9's molecules have {known.low:g} to {known.high:g} "
                f"{PROPERTY_UNITS[name]}; is it another unit?"
            )


def _targets(options: MeasureOptions, read: Read) -> Targets:
    """Return what is asked for: the words that were typed, or what the samples say of themselves."""
    if options.targets:
        return {name: np.full(len(read.molecules), value) for name, value in options.targets.items()}
    others = [name for name in read.targets if name not in PROPERTY_UNITS]
    if others:
        notify(f"{', '.join(others)} was asked of the samples and is not measured: see --help for what is")
    return {name: values for name, values in read.targets.items() if name in PROPERTY_UNITS}


@dataclass(frozen=True, slots=True)
class _Ranked:
    """What was found of the molecules, and which come first."""

    found: MeasuredProperties
    judged: MoleculeResult
    targets: Targets

    def distances(self) -> Float64[np.ndarray, " molecules"]:
        """Return how far each is from what was asked; infinitely where it could not be measured."""
        far = self.found.distances(self.targets)
        return np.where(np.isnan(far), np.inf, far)

    def sound(self) -> list[str | None]:
        """Return the SMILES of those that are stable, valid and in one piece; None of others."""
        whole = self.judged.stability.stable & self.judged.stability.connected
        named = (identity.smiles for identity in self.judged.identities)
        return [smiles if ok else None for ok, smiles in zip(whole.tolist(), named, strict=True)]

    def order(self) -> list[int]:
        """Return places: sound molecules first, the nearest first, and each of these once."""
        far, sound = self.distances(), self.sound()
        places = sorted(range(len(sound)), key=lambda n: (not np.isfinite(far[n]), sound[n] is None, far[n]))
        first = {sound[n]: n for n in reversed(places)}
        return [n for n in places if sound[n] is None or first[sound[n]] == n]

    def columns(self) -> list[str]:
        """Return the heads of the table's columns."""
        asked = [*(f"{TARGET}{name}" for name in self.targets), "distance"] if self.targets else []
        return ["rank", "id", "smiles", "atoms", *PROPERTY_UNITS, *asked, "sound", "copies", "reason"]

    def rows(self, places: Sequence[int]) -> Iterator[Row]:
        """Yield the table's rows."""
        far, sound = self.distances(), self.sound()
        copies = Counter(sound)
        for rank, n in enumerate(places, start=1):
            name = self.found.ids[n]
            yield {
                "rank": rank,
                "id": name,
                "smiles": self.judged.identities[n].smiles,
                "atoms": int(self.judged.molecules.counts[n]),
                **{of: _number(values[n]) for of, values in self.found.values.items()},
                **{f"{TARGET}{of}": _number(values[n]) for of, values in self.targets.items()},
                **({"distance": _number(far[n])} if self.targets else {}),
                "sound": sound[n] is not None,
                "copies": 1 if sound[n] is None else copies[sound[n]],
                "reason": self.found.reasons.get(name),
            }


def _number(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


def _said(found: MeasuredProperties, targets: Targets, places: Sequence[int]) -> Iterator[str]:
    """Say how far the molecules are from what was asked of them, and how far those that are listed."""
    for name, wanted in targets.items():
        asked = np.flatnonzero(np.isfinite(wanted)).tolist()
        listed = sorted(set(asked).intersection(places))
        unit, error = PROPERTY_UNITS[name], property_labels(name).error
        for of, chosen in (("measured", asked), ("listed", listed)):
            values = found.values[name]
            result = evaluate_property(wanted[chosen].tolist(), values[chosen].tolist(), name=name, unit=unit)
            mae = result.mae()
            if mae is not None:
                yield f"{name}, {len(result.errors)} {of}: mean absolute error {mae:.4f} {unit}"
        yield f"{name}: a measured value is off by {error:g} {unit} itself, on average"


def _write(out: Path, read: Read, ranked: _Ranked, places: Sequence[int]) -> None:
    rows = list(ranked.rows(places))
    if out.suffix == ".csv":
        text = io.StringIO()
        table = csv.DictWriter(text, ranked.columns(), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        write_text(out, text.getvalue())
        return
    held = read.molecules.select(places)
    batch = MoleculeBatch(
        segments=Segments.from_counts(held.counts.tolist()),
        positions=torch.from_numpy(held.positions),
        numbers=torch.from_numpy(held.numbers),
        ids=held.ids,
        properties={},
    )
    fields = [{k: v for k, v in row.items() if k != "id" and v is not None} for row in rows]
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".sdf":
        write_sdf(out, batch, bond_orders(batch).rows(), fields=fields)
    else:
        write_xyz(out, batch, fields=fields)

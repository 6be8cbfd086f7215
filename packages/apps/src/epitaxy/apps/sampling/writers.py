"""What the files of a sample folder are called, and what they say of a structure."""

from typing import Any

from epitaxy.apps.requests.sample import Sample

SAMPLES, CIFS, SDFS = "samples.extxyz", "cif", "sdf"


def note(sample: Sample, formula: str) -> dict[str, Any]:
    """Return what a file says of a structure."""
    request = sample.request
    said = {"id": request.id, "seed": request.seed, "formula": formula, **request.notes}
    return said if sample.agreement is None else {**said, "agreement": round(sample.agreement, 3)}

"""The words that name models and tasks; cheap to import."""

from collections.abc import Mapping
from typing import Literal

ModelName = Literal["crysbfn", "kldm", "symmbfn", "geobfn"]
Task = Literal["csp", "dng"]

TASKS: Mapping[ModelName, tuple[Task, ...]] = {
    "crysbfn": ("csp", "dng"),
    "kldm": ("csp", "dng"),
    "symmbfn": ("dng",),
    "geobfn": ("dng",),
}
"""What each model can be trained for; the first is meant where none is named."""

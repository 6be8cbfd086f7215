"""The words that name models and tasks; cheap to import."""

from typing import Literal

ModelName = Literal["crysbfn", "kldm"]
Task = Literal["csp", "dng"]

"""The words that name models and tasks; cheap to import."""

from collections.abc import Mapping
from typing import Literal, get_args

ModelName = Literal["crysbfn", "kldm", "symmbfn", "geobfn"]
Task = Literal["csp", "dng"]

TASKS: Mapping[ModelName, tuple[Task, ...]] = {
    "crysbfn": ("csp", "dng"),
    "kldm": ("csp", "dng"),
    "symmbfn": ("dng", "csp"),
    "geobfn": ("dng",),
}
"""What each model can be trained for; the first is meant where none is named."""

PRESET_NAMES = ("paper", "small", "quickstart")
"""What every model has a preset of."""

DatasetName = Literal[
    "perov_5", "carbon_24", "carbon_24_unique", "mp_20", "mpts_52", "qm9", "prototypes", "g2"
]
DATASET_NAMES: tuple[str, ...] = get_args(DatasetName)
"""The datasets that ``epitaxy.data`` knows by name, which is heavy to ask."""

CRYSTAL_SYSTEMS = (
    "triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic",
)  # fmt: skip
"""The crystal systems that ``epitaxy.geometry`` knows by name, which is heavy to ask."""

DEVICES = ("auto", "cpu", "cuda")

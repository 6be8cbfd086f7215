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

SAMPLERS = (
    "bayes", "end_back", "ancestral", "euler_maruyama", "exponential", "predictor_corrector",
    "probability_flow", "published_pc",
)  # fmt: skip
"""The samplers of all flows: the first two of Bayesian flows, the others of diffusions."""

PROTOCOL_NAMES = ("cdvae", "diffcsp", "crysbfn", "kldm", "loose", "strict")
"""What ``eval csp`` may be done under."""

TABLE_NAMES = ("smact14", "icsd24")
"""The tables of oxidation states."""

PART_NAMES = ("coverage", "distances", "space_groups", "duplicates")
"""The parts of ``eval dng``."""

DEVICES = ("auto", "cpu", "cuda")

"""The words that name models and tasks; cheap to import."""

from importlib import import_module
from typing import Literal, NamedTuple, TypeAlias, TypeVar, get_args

T = TypeVar("T")

ModelName: TypeAlias = str
"""A key of ``MODELS``."""
Task = Literal["csp", "dng"]


class ModelEntry(NamedTuple):
    """What is known of a model before anything heavy is imported."""

    tasks: tuple[Task, ...]
    """What it can be trained for; the first is meant where none is named."""
    recipes: str
    """Where its :class:`~epitaxy.apps.generative.recipes.Recipes` are: ``package.module:NAME``."""
    kind: str
    """Where its :class:`~epitaxy.apps.generative.kind.Kind` is."""


MODELS: dict[ModelName, ModelEntry] = {
    "crysbfn": ModelEntry(
        ("csp", "dng"), "epitaxy.apps.crystals.presets:CRYSBFN", "epitaxy.apps.crystals.kind:CRYSBFN"
    ),
    "kldm": ModelEntry(
        ("csp", "dng"), "epitaxy.apps.crystals.presets:KLDM", "epitaxy.apps.crystals.kind:KLDM"
    ),
    "symmbfn": ModelEntry(
        ("dng", "csp"),
        "epitaxy.apps.asymmetric_units.presets:SYMMBFN",
        "epitaxy.apps.asymmetric_units.kind:SYMMBFN",
    ),
    "geobfn": ModelEntry(
        ("dng",), "epitaxy.apps.molecules.presets:GEOBFN", "epitaxy.apps.molecules.kind:GEOBFN"
    ),
}
"""The models there are. One from outside joins by an entry, made before it is used."""


def what_is_at(place: str, kind: type[T]) -> T:
    """Return what ``package.module:NAME`` is, which must be of a kind; imports the module."""
    module, _, name = place.partition(":")
    found = getattr(import_module(module), name)
    if not isinstance(found, kind):
        raise TypeError(f"{place} is no {kind.__name__}")
    return found


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

BOND_TABLE_NAMES = ("edm", "edm_sulfur")
"""The tables of bond lengths and valences of ``eval molecules``."""

CUTOFF_NAMES = ("mp_20", "carbon_24", "perov_5")
"""The datasets whose cut-offs of coverage are published."""

SPLIT_NAMES = ("train", "val", "test")
"""The parts of a dataset."""

MEASURED_NAMES = ("homo", "lumo", "gap", "mu")
"""Properties of molecules that ``epitaxy measure`` knows."""

FORMAT_NAMES = ("cif", "poscar")
"""What a shortlist's structures are written as."""

POTENTIAL_NAMES = ("chgnet", "sevennet", "sevennet-l3i5")
"""Potentials with a name of their own; any calculator of ASE goes by another."""

PRECISIONS = (
    "32-true", "bf16-mixed", "64-true", "16-mixed", "bf16-true", "16-true", "transformer-engine",
    "transformer-engine-float16", "64", "32", "16", "bf16",
)  # fmt: skip
"""Lightning's words for the numbers that a network computes in."""

DEVICES = ("auto", "cpu", "cuda")
NO_MPS = "Apple's GPUs (mps) have no float64, which noise and geometry are computed in: use cpu"

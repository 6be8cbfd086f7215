"""The recipes that the law of the device is held against; `test_choices.py` says that none is forgotten."""

from dataclasses import dataclass
from typing import Any

from epitaxy.apps.config import apply_overrides
from epitaxy.apps.foundation.names import ModelName, Task
from epitaxy.apps.generative.recipes import preset


@dataclass(frozen=True)
class Case:
    """A recipe: the model, its preset, its task, and words of ``--set``."""

    model: ModelName
    preset: str
    task: Task
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "-".join([self.model, self.preset, self.task, *self.words])

    def recipe(self, *words: str) -> Any:
        """Return the recipe, with further words."""
        data = "g2" if self.model == "geobfn" else "prototypes"
        base = preset(self.preset, model=self.model, task=self.task, dataset=data)
        return apply_overrides(base, [*self.words, *words])

    @property
    def exact(self) -> bool:
        """Whether a device computes just what the CPU does: one block of edges, no attention of its own."""
        return bool(self.recipe().network.kind != "rotary")


ROTARY = ("network.kind=rotary", "network.heads=2")
COUNTED = ("network.multiplicities=true", "network.composition=true")
TIMES = 'training.times={"kind": "logit_normal"}'
HIDDEN = (
    "conditioning.hide_elements=0.3",
    "sampling.composition_guidance=1",
    "sampling.guided_from=0.3",
    "sampling.guided_until=0.7",
)
PROPERTY = 'conditioning.properties=["{}"]'
CRYSTALS = [
    Case(model, name, task, network)
    for model in ("crysbfn", "kldm")
    for name in ("paper", "small")
    for task in ("csp", "dng")
    for network in ((), ROTARY)
]
FLOWS = [
    Case("crysbfn", "small", "csp", ("positions.draw=all_at_once", "positions.loss=kl")),
    Case("crysbfn", "small", "csp", ("positions.draw=stepwise", *HIDDEN, TIMES)),
    Case("kldm", "small", "csp", (*ROTARY, *HIDDEN)),
    Case("crysbfn", "small", "dng", ("species.kind=absorbing", "lattice.loss=continuous")),
    Case(
        "crysbfn",
        "small",
        "dng",
        ("lattice_form.kind=parameters", "species.guess=sampled", "species.final=mode"),
    ),
    Case("kldm", "small", "dng", ("species.kind=one_hot",)),
    Case("kldm", "small", "dng", ("species.kind=analog_bits", "lattice_form.kind=matrix")),
    Case("kldm", "small", "dng", ("species.kind=categorical_bfn", "positions.parametrisation=direct")),
    Case("kldm", "small", "dng", ("species.loss=cross_entropy", "lattice.prediction=epsilon")),
    Case("kldm", "small", "dng", ("species.schedule=poly2", "sampling.final_call=true")),
    Case("kldm", "small", "dng", ("species.schedule=cosine", "species.reads=evidence")),
    Case("kldm", "small", "dng", ("species.kind=one_hot", "species.prediction=epsilon")),
    Case("kldm", "small", "dng", ("species.kind=analog_bits", "species.clip=true")),
    Case(
        "crysbfn",
        "small",
        "dng",
        ("species.loss=discrete", "species.guess=expectation", "lattice.parametrisation=residual"),
    ),
    Case(
        "crysbfn",
        "small",
        "dng",
        (
            "lattice.parametrisation=noise",
            "lattice.t_min=0.0001",
            "species.reads=evidence",
            "species.parametrisation=residual",
        ),
    ),
    Case(
        "crysbfn",
        "small",
        "csp",
        (
            *ROTARY,
            "network.time_embedding=gaussian",
            "network.position_head=two_layer",
            "positions.draw=tabulated",
        ),
    ),
]
OTHERS = [
    Case("symmbfn", "paper", "dng"),
    Case("symmbfn", "small", "dng", (PROPERTY.format("density"), *COUNTED)),
    Case("symmbfn", "small", "csp", ROTARY),
    Case("symmbfn", "small", "dng", (*ROTARY, "network.copies=true", *COUNTED)),
    Case("symmbfn", "small", "dng", ("species.schedule=linear", "species.remasking=0.5", *COUNTED)),
    Case("symmbfn", "small", "dng", ("species.schedule=cosine", "species.loss=cross_entropy")),
    Case(
        "symmbfn",
        "small",
        "dng",
        ("species.kind=categorical_bfn", "species.reads=evidence", "species.parametrisation=residual"),
    ),
    Case("geobfn", "paper", "dng"),
]
OPTIONS = [
    Case("symmbfn", "paper", "csp", ("training.amsgrad=true", TIMES)),
    Case("symmbfn", "small", "csp", ("lattice.kind=variance_preserving",)),
    Case("symmbfn", "small", "dng", ("lattice.kind=variance_preserving", "lattice.prediction=epsilon")),
    Case(
        "symmbfn",
        "paper",
        "dng",
        (
            "network.aggregation=sum",
            "network.residual_noise=true",
            "positions.wrapped=true",
            "positions.loss=discrete",
            "positions.grid=20",
            "positions.parametrisation=data",
            "lattice.loss=discrete",
            "lattice.grid=20",
            "lattice.parametrisation=data",
            "species.loss=discrete",
            "species.grid=20",
            "species.guess=expectation",
            "species.final=mode",
            "symmetry.loss=discrete",
            "symmetry.grid=20",
            "symmetry.guess=expectation",
            "symmetry.final=mode",
            "sampling.final_call=true",
        ),
    ),
    Case(
        "geobfn",
        "paper",
        "dng",
        ("network.time=sinusoidal", "network.tanh=true", "atoms.guess=nearest", "hydrogens=false", TIMES),
    ),
    Case(
        "geobfn",
        "small",
        "dng",
        (
            "network.time=value",
            "atoms.guess=sampled",
            "positions.parametrisation=data",
            "sampling.final_call=true",
        ),
    ),
    Case(
        "geobfn",
        "paper",
        "dng",
        (PROPERTY.format("zpe"), "network.equivariance=SE(3)", "network.attention=true"),
    ),
    Case("geobfn", "small", "dng", (PROPERTY.format("zpe"),)),
    *(
        Case("geobfn", "small", "dng", (f"atoms.kind={kind}",))
        for kind in ("continuous_basis", "discrete", "discrete_continuous", "discrete_discretised")
    ),
]
TOLD = [
    Case("crysbfn", "small", "dng", (PROPERTY.format("density"),)),
    Case("crysbfn", "small", "csp", (PROPERTY.format("density"), *ROTARY)),
    Case("kldm", "small", "csp", (PROPERTY.format("density"),)),
]
CASES = [*CRYSTALS, *FLOWS, *OTHERS, *OPTIONS, *TOLD]

SAMPLED = [
    *((Case("crysbfn", "small", task), name) for task in ("csp", "dng") for name in ("bayes", "end_back")),
    *(
        (Case("kldm", "small", task), name)
        for task in ("csp", "dng")
        for name in ("ancestral", "exponential", "predictor_corrector", "probability_flow", "published_pc")
    ),
    *(
        (Case("kldm", "small", "dng", (f"species.kind={kind}",)), name)
        for kind in ("one_hot", "analog_bits")
        for name in ("euler_maruyama", "exponential", "probability_flow", "published_pc")
    ),
    *((case, None) for case in CRYSTALS if case.preset == "paper"),
    *(
        (Case("symmbfn", "small", "csp", ("lattice.kind=variance_preserving",)), name)
        for name in ("ancestral", "euler_maruyama", "exponential", "probability_flow")
    ),
    *((case, name) for case in OTHERS for name in ("bayes", "end_back")),
    *((case, None) for case in (*FLOWS, *OPTIONS, *TOLD)),
]


LIMITED = [
    Case("crysbfn", "small", "dng"),
    *(Case("kldm", "small", "dng", (f"species.kind={kind}",)) for kind in ("absorbing", "analog_bits")),
    Case("symmbfn", "paper", "dng"),
    *(
        Case("geobfn", "small", "dng", (f"atoms.kind={kind}",))
        for kind in ("discretised_basis", "continuous_basis", "discrete_continuous")
    ),
]
"""Sampled of two elements, each of which must occur."""

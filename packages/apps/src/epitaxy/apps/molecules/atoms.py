"""How a molecule's elements are generated: the five treatments of GeoBFN's ablation (table 3)."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat

from epitaxy import flows
from epitaxy.apps.config.base import Config

Treatment = Literal[
    "discretised_basis", "continuous_basis", "discrete", "discrete_continuous", "discrete_discretised"
]


class AtomsConfig(Config):
    """Elements as charges, as types, or as both.

    A charge Z is the number (2 Z - 1) / K - 1, the centre of the Z-th of K bins, where K is the largest
    charge of the training data. ``kind``: "discretised_basis", a discretised charge, seen in Gaussian bumps
    (the paper's choice); "continuous_basis", a real charge, seen likewise; "discrete", a type;
    "discrete_continuous" and "discrete_discretised", a type, which decides, and a charge, seen as a number.

    ``sigma1`` is the charge's flow's, ``beta1`` the type's; ``guess`` says how a discretised charge is read
    while sampling, see ``DiscretisedGaussianBFN``: the paper's Eq. 21 is "published".
    """

    kind: Treatment = "discretised_basis"
    sigma1: Annotated[float, Field(gt=0, lt=1)] = 0.15
    beta1: PositiveFloat = 2.0
    guess: Literal["nearest", "sampled", "expectation", "published"] = "expectation"
    t_min: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    temperature: Annotated[PositiveFloat, Field(description="of charges and types when sampling")] = 1.0

    @property
    def types(self) -> bool:
        """Whether atoms have a type."""
        return self.kind.startswith("discrete") and self.kind != "discretised_basis"

    @property
    def charge(self) -> Literal["none", "discretised", "continuous"]:
        """What kind of charge atoms have."""
        if self.kind == "discrete":
            return "none"
        return "continuous" if "continuous" in self.kind else "discretised"

    @property
    def features(self) -> Literal["none", "basis", "value"]:
        """How the network sees a charge."""
        if self.charge == "none":
            return "none"
        return "basis" if self.kind.endswith("basis") else "value"

    @property
    def charge_outputs(self) -> int:
        """Numbers that the network gives for a charge."""
        return 2 if self.charge == "discretised" else 1

    @staticmethod
    def bins(numbers: tuple[int, ...]) -> int:
        """Return how many bins charges have, for molecules of these elements."""
        return max(*numbers, 2)

    def build(self, numbers: tuple[int, ...]) -> "dict[str, flows.Flow[Any]]":
        """Return the flows of charges and types, for molecules of these elements, by field name."""
        parts: dict[str, flows.Flow[Any]] = {}
        if self.charge == "discretised":
            parts["charges"] = flows.DiscretisedGaussianBFN(
                bins=self.bins(numbers),
                sigma1=self.sigma1,
                legal=tuple(z - 1 for z in sorted(numbers)),
                guess=self.guess,
                t_min=self.t_min,
                temperature=self.temperature,
            )
        elif self.charge == "continuous":
            parts["charges"] = flows.GaussianBFN(
                sigma1=self.sigma1,
                grid=None,
                loss_kind="continuous",
                parametrisation="noise",
                t_min=self.t_min,
                clamp=10.0,
                temperature=self.temperature,
            )
        if self.types:
            parts["types"] = flows.CategoricalBFN(
                classes=len(numbers),
                beta1=self.beta1,
                grid=None,
                loss_kind="continuous",
                temperature=self.temperature,
            )
        return parts

"""How a run is optimised."""

from typing import Annotated, Literal

from pydantic import (
    Field,
    FiniteFloat,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from epitaxy.apps.config.base import Config


class PlateauSchedule(Config):
    """Multiply the learning rate by ``factor`` when the validation loss stalls (the paper's schedule)."""

    kind: Literal["plateau"] = "plateau"
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.6
    patience: Annotated[PositiveInt, Field(description="passes over the data without improvement")] = 100
    minimum: NonNegativeFloat = 1e-4


class CosineSchedule(Config):
    """Linear warm-up, then half a cosine down to ``minimum`` at the last step."""

    kind: Literal["cosine"] = "cosine"
    warmup_steps: NonNegativeInt = 200
    minimum: NonNegativeFloat = 1e-5


class TrapezoidSchedule(Config):
    """Linear warm-up, a constant rate, and down to ``minimum`` over the last ``cooldown`` of all steps.

    The constant part does not depend on the run's length, so one may be made longer, or get several ends
    (Hagele et al., "Scaling Laws and Compute-Optimal Training Beyond Fixed Training
    Durations", NeurIPS 2024, whose ``1 - sqrt`` is the shape "sqrt").
    """

    kind: Literal["trapezoid"] = "trapezoid"
    warmup_steps: NonNegativeInt = 200
    cooldown: Annotated[float, Field(ge=0, le=1, description="share of all steps")] = 0.2
    shape: Literal["linear", "sqrt"] = "sqrt"
    minimum: NonNegativeFloat = 0.0


class UniformTimes(Config):
    """Every time as often (the papers)."""

    kind: Literal["uniform"] = "uniform"


class LogitNormalTimes(Config):
    """Times t in (0, 1), 1 the data, with log(t / (1 - t)) normal (Esser et al., 2024, Stable Diffusion 3).

    Losses are not weighted to make up for it: times drawn more often count more. With the defaults 14 % of
    the draws lie below 0.35, where a crystal is little more than noise, and 5 % above 0.95.
    """

    kind: Literal["logit_normal"] = "logit_normal"
    mean: FiniteFloat = 0.8
    std: PositiveFloat = 1.3


class SelectionConfig(Config):
    """What ``keep: sampled`` samples to choose weights by; a round costs what ``sample`` would."""

    every: Annotated[PositiveInt, Field(description="validations between two rounds; the last has one")] = 5
    structures: Annotated[PositiveInt, Field(description="samples a round, always the same ones")] = 128
    steps: Annotated[PositiveInt, Field(description="network evaluations a sample")] = 50


class TrainingConfig(Config):
    """Optimiser, batches, length and averaging. One *pass* visits every training crystal once."""

    passes: PositiveInt
    batch_size: PositiveInt
    accumulate: Annotated[
        PositiveInt, Field(description="parts that each device works a step's batch off in, to save memory")
    ] = 1
    learning_rate: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 0.0
    amsgrad: bool = False
    optimiser: Annotated[
        Literal["adamw", "muon"],
        Field(description="muon: for the matrices of hidden layers, adamw for the rest"),
    ] = "adamw"
    schedule: Annotated[PlateauSchedule | CosineSchedule | TrapezoidSchedule, Field(discriminator="kind")] = (
        PlateauSchedule()
    )
    gradient_clip: PositiveFloat | None = None
    averaging: Annotated[
        float | None, Field(gt=0, lt=1, description="decay per step of the averaged weights; null: none")
    ] = None
    validate_every: Annotated[PositiveInt, Field(description="passes between two validations")] = 8
    validation_crystals: Annotated[
        PositiveInt | None, Field(description="validate on this many crystals, drawn once; null: on all")
    ] = None
    checkpoint_steps: Annotated[PositiveInt, Field(description="steps between two resumable checkpoints")] = (
        200
    )
    recover: Annotated[
        NonNegativeInt,
        Field(description="times to go back to the last checkpoint, at half the rate, if the loss runs away"),
    ] = 0
    times: Annotated[
        UniformTimes | LogitNormalTimes,
        Field(discriminator="kind", description="which times training draws; validation has them uniform"),
    ] = UniformTimes()
    keep: Annotated[
        Literal["last", "best", "sampled"],
        Field(
            description="which weights become the model: the last, those of the lowest validation loss, or "
            "those whose samples are best: matches (csp), valid crystals or stable molecules (dng)"
        ),
    ] = "last"
    selection: SelectionConfig = SelectionConfig()
    bank_refresh: Annotated[
        PositiveInt, Field(description="steps between two refreshes of the flow bank")
    ] = 20
    seed: NonNegativeInt = 0

    @model_validator(mode="after")
    def _choice_is_possible(self) -> "TrainingConfig":
        if self.keep != "sampled" and self.selection != SelectionConfig():
            raise ValueError("selection is for keep=sampled")
        if self.keep != "last" and self.validate_every > self.passes:
            raise ValueError(
                f"keep={self.keep} chooses at validations, and {self.passes} passes have none: lower "
                f"validate_every, which is {self.validate_every}"
            )
        return self

"""Which properties a model is told."""

from typing import Annotated

from pydantic import Field, field_validator

from epitaxy.apps.config.base import Config


class ConditioningConfig(Config):
    """Numbers of the training data that sampling can ask for (SymmBFN, Sec. 3.1; GeoBFN, Sec. 4.3).

    CrysBFN's and KLDM's papers have none; here they are told as SymmBFN is.

    Values may be missing. Training hides all of a structure's with probability ``hide``, and then each one,
    so that the model can also be asked for some or for nothing, and steered by what the asking changes
    (classifier-free guidance, beyond the papers).
    """

    properties: tuple[str, ...] = ()
    hide: Annotated[float, Field(ge=0, lt=1)] = 0.1

    @field_validator("properties")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("each property is named once")
        return names


class CompositionConditioningConfig(ConditioningConfig):
    """What a model of the atoms of crystals is told: properties, and in structure prediction the composition.

    There training hides all elements of a structure with probability ``hide_elements``, and then each one:
    the network sees that its atoms are there, not what they are. It learns a composition by heart less
    easily, and what the composition changes can be exaggerated (``sampling.composition_guidance``). Beyond
    the papers. Validation hides none.
    """

    hide_elements: Annotated[float, Field(ge=0, lt=1)] = 0.0

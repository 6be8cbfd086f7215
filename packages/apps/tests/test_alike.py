"""What may be asked on the command line may be asked in Python, by the same words."""

import inspect
from typing import Any

import pytest

from epitaxy.apps import KLDM, CrysBFN, GeoBFN, SymmBFN, UsageError, search
from epitaxy.apps.cli import crysbfn, geobfn, kldm, searching, symmbfn

MODELS: dict[str, tuple[Any, Any]] = {
    "crysbfn": (CrysBFN, crysbfn.app),
    "kldm": (KLDM, kldm.app),
    "symmbfn": (SymmBFN, symmbfn.app),
    "geobfn": (GeoBFN, geobfn.app),
}
OF_COMMANDS = {"model", "out", "redraws", "compile", "compositions", "split", "limit", "root"}
"""Files, and the folder of a dataset: in Python there are ``load``, ``samples`` and lists."""


@pytest.mark.parametrize("name", MODELS)
def test_commands_and_python_have_the_same_words(name: str) -> None:
    generator, app = MODELS[name]
    command = next(c.callback for c in app.registered_commands if c.callback.__name__ == "sample")
    typed = set(inspect.signature(command).parameters) - OF_COMMANDS
    typed = {"properties" if word == "property" else word for word in typed}
    assert typed == set(inspect.signature(generator.sample).parameters) - {"self"}


def test_searching_has_the_same_words_too() -> None:
    assert {word.rstrip("_") for word in inspect.signature(searching.search).parameters} == set(
        inspect.signature(search).parameters
    )


@pytest.mark.parametrize(
    ("generator", "model"), [(SymmBFN, "symmbfn-mp20-small"), (GeoBFN, "geobfn-qm9-small")]
)
def test_samplers_are_heard(generator: Any, model: str) -> None:
    with pytest.raises(UsageError, match="sampler"):
        generator.load(model).sample(num=1, steps=2, sampler="euler_maruyama")

"""Test settings shared by every package: a quick type hook, hypothesis profiles and the real-data switch."""

import dataclasses
import functools
import gc
import importlib.machinery
import inspect
import os
from collections.abc import Callable
from typing import Any
from unittest import mock

import jaxtyping
import pytest
from beartype import BeartypeConf, beartype
from hypothesis import settings
from jaxtyping import _decorator, _import_hook, _storage


class Violation(jaxtyping.TypeCheckError):
    """What jaxtyping raises, with its first words and then beartype's."""

    def __str__(self) -> str:
        return f"Type-check error: {super().__str__()}"


AS_JAXTYPING_SAYS = BeartypeConf(violation_type=Violation)
SLOWLY = _decorator.jaxtyped


def checked_once(function: Callable[..., Any], typechecker: Any) -> Callable[..., Any]:
    """Check a function's types and shapes as jaxtyping does, in half of the time.

    jaxtyping binds each call to the signature and asks three functions: one for the arguments, the function
    itself, and one for the arguments again with the result, all for words in its messages. Here beartype's
    own wrapper asks for each once, in the same scope of names of axes, which only arrays need. Where that
    scope needs more (axes computed from arguments), or beartype alone reads otherwise (strings, generators),
    it stays jaxtyping's. ``tests/contracts/test_type_hook.py`` holds the two against each other.
    """
    hints = function.__annotations__.values()
    if inspect.isgeneratorfunction(function) or any(isinstance(h, str) or "{" in str(h) for h in hints):
        return SLOWLY(function, typechecker=typechecker)
    checked = beartype(conf=AS_JAXTYPING_SAYS)(function)
    if not any("jaxtyping." in str(hint) or "~" in str(hint) for hint in hints):  # ~T stands for anything
        return checked

    @functools.wraps(function)
    def scoped(*args: Any, **words: Any) -> Any:
        __tracebackhide__ = True
        _storage.push_shape_memo({})
        try:
            return checked(*args, **words)
        finally:
            _storage.pop_shape_memo()

    return scoped


def jaxtyped(*, typechecker: Any) -> Callable[[Any], Any]:
    """Stand for the decorator that the type hook writes above every function and class of epitaxy."""

    def decorate(thing: Any) -> Any:
        if inspect.isfunction(thing):
            return checked_once(thing, typechecker)
        if inspect.isclass(thing) and dataclasses.is_dataclass(thing):
            if inspect.isfunction(thing.__init__) and not hasattr(thing.__init__, "__wrapped__"):
                thing.__init__ = checked_once(thing.__init__, typechecker)
            return thing
        return SLOWLY(thing, typechecker=typechecker)

    return decorate


def code_of_its_own(self: Any, name: str) -> Any:
    """Give the hook's mark to a module's own bytecode alone, not to that of all it imports."""
    marked = functools.partial(_import_hook._optimized_cache_from_source, self._typechecker.get_hash())
    with mock.patch("importlib._bootstrap_external.cache_from_source", marked):
        return importlib.machinery.SourceFileLoader.get_code(self, name)


jaxtyping.jaxtyped = jaxtyped
_import_hook._JaxtypingLoader.get_code = code_of_its_own
_import_hook._JaxtypingLoader.exec_module = importlib.machinery.SourceFileLoader.exec_module


settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(params=[pytest.param("cuda", marks=pytest.mark.gpu), "cpu"])
def device(request: pytest.FixtureRequest) -> str:
    """Run what a GPU must show on the CPU too: a rehearsal, where there is no GPU the only one."""
    name: str = request.param
    return name


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what is there to stay: modules, and thousands of tests."""
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs data or a device that is not here, and say why."""
    without_data = pytest.mark.skip(reason="EPITAXY_DATA is not set: no real data here")
    for item in items:
        if "real_data" in item.keywords and not os.environ.get("EPITAXY_DATA"):
            item.add_marker(without_data)
        if "gpu" in item.keywords:
            import torch

            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="no CUDA device here"))

"""The quick way to try a mutant: tests collected once, and the changed function put into a fork.

Importing and collecting takes most of a mutant's time, and most mutants change the body of one function.
Where one changes more (a default, a table, a class), or where the tests pass, the mutant is tried again from
its file, so that nothing that was computed at import decides.
"""

import gc
import sys
import types
from collections.abc import Callable, Iterator
from importlib.abc import InspectLoader
from pathlib import Path
from typing import Literal, cast

import pytest

_CO_OPTIMIZED = 1  # set on functions, not on modules and classes
Code = types.CodeType
Order = tuple[Path, str] | Literal["as it is"]
"""A module and its mutated source, or to run the tests without a mutant."""


class Collected:
    """A pytest plugin that, once tests are collected, forks for each order; the fork runs them.

    Args:
        copy: where the mutated modules lie.
        obey: returns each order in a fork for it; None when all is done.
        refuse: ends the fork where the order cannot be carried out this way.

    """

    def __init__(self, copy: Path, obey: Callable[[], Order | None], refuse: Callable[[], None]) -> None:
        self._copy, self._obey, self._refuse = str(copy), obey, refuse

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Serve; None, in a fork, lets pytest run the tests."""
        if session.testsfailed:
            return None
        gc.collect()
        functions = [
            one
            for one in gc.get_objects()
            if isinstance(one, types.FunctionType) and one.__code__.co_filename.startswith(self._copy)
        ]
        gc.freeze()
        order = self._obey()
        if order is None:
            return True
        if order != "as it is" and not replace(*order, functions):
            self._refuse()
        return None


def replace(path: Path, source: str, functions: list[types.FunctionType]) -> bool:
    """Give a module's loaded functions the code of its mutated source; False where that cannot be done."""
    module = next((one for one in sys.modules.values() if getattr(one, "__file__", None) == str(path)), None)
    if module is None or module.__spec__ is None:
        return False
    loader = cast(InspectLoader, module.__spec__.loader)
    old, new = (loader.source_to_code(text, str(path)) for text in (path.read_bytes(), source.encode()))
    pairs = list(_changed(old, new))
    for before, after in pairs:
        live = [one for one in functions if before is not None and one.__code__ == before]
        if (
            not live
            or after is None
            or any(len(one.__closure__ or ()) != len(after.co_freevars) for one in live)
        ):
            return False
        for one in live:
            one.__code__ = after
    return bool(pairs)


def _changed(old: Code, new: Code) -> Iterator[tuple[Code | None, Code | None]]:
    """Yield the functions that differ; (None, None) where a module or class body does."""
    inner_old, inner_new = _inner(old), _inner(new)
    own = [[old.co_code, old.co_names, _plain(old)], [new.co_code, new.co_names, _plain(new)]]
    if own[0] != own[1] or len(inner_old) != len(inner_new):
        yield None, None
        return
    for before, after in zip(inner_old, inner_new, strict=True):
        if before == after:
            continue
        if before.co_flags & _CO_OPTIMIZED:
            yield before, after
        else:
            yield from _changed(before, after)


def _inner(code: Code) -> list[Code]:
    return [one for one in code.co_consts if isinstance(one, Code)]


def _plain(code: Code) -> list[str]:
    return [repr(one) for one in code.co_consts if not isinstance(one, Code)]

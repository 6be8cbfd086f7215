"""Packages whose names are loaded when they are first asked for (PEP 562, as in Scientific Python's SPEC 1).

Such a package's ``__init__.pyi`` imports and lists its names as an ``__init__.py`` would: type checkers read
it, and so does :func:`lazily`. No module of the package may bear the name of something that it exports.
"""

import ast
from collections.abc import Callable
from importlib import import_module
from pkgutil import get_data
from typing import Any


def lazily(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return a package's ``__getattr__``, ``__dir__`` and ``__all__``, by what its ``__init__.pyi`` imports.

    Args:
        package: its ``__name__``.
    """
    homes = _homes(get_data(package, "__init__.pyi") or b"")  # not from __file__: it may lie in a zip archive

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return load, lambda: sorted(homes), sorted(homes)


def _homes(stub: bytes) -> dict[str, str]:
    """Return the module of each name that a stub imports."""
    imports = [node for node in ast.parse(stub).body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}

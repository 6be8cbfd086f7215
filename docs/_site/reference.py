"""The pages of the API reference: one for each package and subpackage that exports names."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def public_names(init: Path) -> list[str]:
    """Return what a package's ``__init__``, or the stub beside it, exports, without importing it."""
    stub = init.with_suffix(".pyi")
    text = (stub if stub.exists() else init).read_text()
    found = re.search(r"^__all__ = \[(.*?)\]", text, re.DOTALL | re.MULTILINE)
    return re.findall(r'"(\w+)"', found[1]) if found else []


def modules() -> dict[str, list[str]]:
    """Return the public modules, each with its names."""
    found = {}
    for init in sorted(ROOT.glob("packages/*/src/epitaxy/**/__init__.py")):
        parts = init.parent.relative_to(init.parents[len(init.parts) - init.parts.index("src") - 2]).parts
        if (names := public_names(init)) and not any(part.startswith("_") for part in parts):
            found[".".join(parts)] = names
    return found


def reference_page(module: str, names: list[str]) -> str:
    """Return a page in Markdown that documents every name."""
    entries = "\n\n".join(f"::: {module}.{name}" for name in names)
    return f"# {module}\n\n{entries}\n"

"""What MkDocs makes besides written pages: API reference, the figures' meanings, equations."""

import re
from pathlib import Path
from typing import Any

import latex2mathml.converter
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from epitaxy.apps.report.definitions import catalogue

ROOT = Path(__file__).parents[2]
_CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
_DISPLAY, _INLINE = re.compile(r"\$\$(.+?)\$\$", re.DOTALL), re.compile(r"\$([^$\n]+?)\$")


def public_names(init: Path) -> list[str]:
    """Return what a package's ``__init__`` exports, without importing it."""
    found = re.search(r"^__all__ = \[(.*?)\]", init.read_text(), re.DOTALL | re.MULTILINE)
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


def figures_page() -> str:
    """Return the page of what each figure means."""
    parts = [
        "# What each figure means\n\nAs in the tables and pages of `epitaxy eval` and `epitaxy relax`; "
        "`*` stands for a number or a name. How they are measured is in [Evaluation](evaluation.md)."
    ]
    for heading, rows in catalogue().items():
        lines = [f"| `{name}` | {unit} | {words} |" for name, unit, words in rows]
        parts.append("\n".join([f"## {heading}\n", "| figure | unit | is |", "|---|---|---|", *lines]))
    return "\n\n".join(parts) + "\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and the reference to the navigation."""
    listed: list[Any] = []
    for module, names in modules().items():
        path = f"reference/{module}.md"
        files.append(File.generated(config, path, content=reference_page(module, names)))
        listed.append({module: path})
    files.append(File.generated(config, "figures.md", content=figures_page()))
    if not any("API reference" in entry for entry in config.nav or ()):
        (config.nav or []).append({"API reference": listed})
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Turn equations between dollars into MathML, which browsers draw without a script."""
    parts = _CODE.split(markdown)
    return "".join(part if n % 2 else _equations(part) for n, part in enumerate(parts))


def _equations(text: str) -> str:
    text = _DISPLAY.sub(lambda m: _mathml(m[1], "block"), text)
    return _INLINE.sub(lambda m: _mathml(m[1], "inline"), text)


def _mathml(source: str, display: str) -> str:
    return str(latex2mathml.converter.convert(source.strip(), display=display))

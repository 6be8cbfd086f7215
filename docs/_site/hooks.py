"""What MkDocs makes besides written pages: API reference, the figures' meanings, equations."""

import re
import sys
from pathlib import Path
from typing import Any

import latex2mathml.converter
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from epitaxy.apps.report.definitions import catalogue

sys.path.insert(0, str(Path(__file__).parent))
from reference import modules, reference_page

_CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
_DISPLAY, _INLINE = re.compile(r"\$\$(.+?)\$\$", re.DOTALL), re.compile(r"\$([^$\n]+?)\$")


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

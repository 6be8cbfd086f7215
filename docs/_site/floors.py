"""Draw the floors from the code: ``python docs/_site/floors.py`` writes ``docs/floors.svg``.

The floors are import-linter's layers; the lines are the imports that there are.
"""

import ast
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "floors.svg"
_WIDE, _HIGH, _GAP, _FLOOR = 150, 46, 24, 120


def layers() -> list[list[str]]:
    """Return the packages of each floor, the highest first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    written = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[name.strip().removeprefix("epitaxy.") for name in layer.split("|")] for layer in written]


def imports() -> Counter[tuple[str, str]]:
    """Count the modules of each package that import each other package."""
    found: Counter[tuple[str, str]] = Counter()
    for file in sorted(ROOT.glob("packages/*/src/epitaxy/**/*.py")):
        owner = file.relative_to(ROOT).parts[1]
        if "testing" not in file.parts:
            found.update((owner, other) for other in _imported(file) - {owner})
    return found


def _imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names |= {module.split(".")[1] for module in modules if module.startswith("epitaxy.")}
    return names


def picture() -> str:
    """Return the drawing."""
    floors = layers()
    wide = max(len(floor) for floor in floors) * (_WIDE + _GAP) + _GAP
    place = {}
    for n, floor in enumerate(floors):
        left = (wide - len(floor) * (_WIDE + _GAP) + _GAP) / 2
        for k, name in enumerate(floor):
            place[name] = (left + k * (_WIDE + _GAP), 20 + n * _FLOOR)
    lines = [_line(place[a], place[b], a, b) for a, b in sorted(imports()) if a in place and b in place]
    boxes = [_box(name, *at) for name, at in place.items()]
    high = 20 + (len(floors) - 1) * _FLOOR + _HIGH + 20
    style = (
        "text{font:15px system-ui,sans-serif;text-anchor:middle;fill:#1d2733}"
        "rect{fill:#e8eef4;stroke:#5b7a99}"
        "path{stroke:#8aa0b5;stroke-width:1.5;fill:none}"
    )
    body = "\n".join([*lines, *boxes])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img">\n'
        f"<title>Which package imports which</title>\n<style>{style}</style>\n"
        f'<rect width="{wide}" height="{high}" style="fill:#fff;stroke:none"/>\n{body}\n</svg>\n'
    )


def _box(name: str, x: float, y: float) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{_WIDE}" height="{_HIGH}" rx="6"/>'
        f'<text x="{x + _WIDE / 2:g}" y="{y + 29:g}">{name}</text>'
    )


def _line(start: tuple[float, float], end: tuple[float, float], importer: str, imported: str) -> str:
    """Draw from the bottom of one box to the top of another; past the floor between them to its side."""
    x, y = start[0] + _WIDE / 2, start[1] + _HIGH
    to_x, to_y = end[0] + _WIDE / 2, end[1]
    title = f"<title>{importer} imports {imported}</title>"
    middle = f"C{x:g},{y + 40:g} {to_x:g},{to_y - 40:g} " if to_y - y < _FLOOR else "L"
    return f'<path d="M{x:g},{y:g} {middle}{to_x:g},{to_y:g}">{title}</path>'


if __name__ == "__main__":
    PICTURE.write_text(picture())

"""Draw the floors from the code: ``python docs/_site/floors.py`` writes ``docs/floors.svg`` and ``apps.svg``.

The floors are import-linter's layers; the lines are the imports that there are.
"""

import ast
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_WIDE, _HIGH, _GAP, _FLOOR = 150, 46, 24, 120


@dataclass(frozen=True, slots=True)
class House:
    """What stands on floors.

    Attributes:
        package: the package whose parts they are.
        picture: where it is drawn.
        floor: pixels from one floor to the next.
        far: whether imports are drawn that pass a floor by.
    """

    package: str
    picture: Path
    floor: int = _FLOOR
    far: bool = True

    def layers(self) -> list[list[str]]:
        """Return the parts on each floor, the highest first."""
        contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
        own = next(c for c in contracts if c["type"] == "layers" and _package(c) == self.package)
        return [
            [name.strip().removeprefix(f"{self.package}.") for name in layer.split("|")]
            for layer in own["layers"]
        ]

    def imports(self) -> Counter[tuple[str, str]]:
        """Count the imports of each part from each other."""
        found: Counter[tuple[str, str]] = Counter()
        start = self.package.split(".")
        for file in sorted(ROOT.glob("packages/*/src/epitaxy/**/*.py")):
            module = file.relative_to(ROOT).with_suffix("").parts[3:]
            if (
                "testing" not in file.parts
                and list(module[: len(start)]) == start
                and module[-1] != "__init__"
            ):
                owner = module[len(start)]
                found.update((owner, other) for other in _imported(file, self.package) - {owner})
        return found

    def drawn(self) -> str:
        """Return the drawing."""
        floors = self.layers()
        wide = max(len(floor) for floor in floors) * (_WIDE + _GAP) + _GAP
        place = {}
        for n, floor in enumerate(floors):
            left = (wide - len(floor) * (_WIDE + _GAP) + _GAP) / 2
            for k, name in enumerate(floor):
                place[name] = (left + k * (_WIDE + _GAP), 20 + n * self.floor)
        known = [(a, b) for a, b in sorted(self.imports()) if a in place and b in place]
        shown = [(a, b) for a, b in known if self.far or place[b][1] - place[a][1] <= self.floor]
        lines = [_line(place[a], place[b], f"{a} imports {b}", self.floor) for a, b in shown]
        boxes = [_box(name, *at) for name, at in place.items()]
        return _svg("\n".join([*lines, *boxes]), wide, 20 + (len(floors) - 1) * self.floor + _HIGH + 20)


HOUSES = (
    House("epitaxy", ROOT / "docs" / "floors.svg"),
    House("epitaxy.apps", ROOT / "docs" / "apps.svg", floor=80, far=False),
)


def _package(contract: dict[str, Any]) -> str:
    """Return the package whose parts a contract's layers are."""
    return str(contract.get("containers", ["epitaxy"])[0])


def _imported(file: Path, package: str) -> set[str]:
    """Return the parts of a package that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        inside = [
            module.removeprefix(f"{package}.") for module in modules if module.startswith(f"{package}.")
        ]
        names |= {module.split(".")[0] for module in inside}
    return names


def _svg(body: str, wide: float, high: float) -> str:
    style = (
        "text{font:15px system-ui,sans-serif;text-anchor:middle;fill:#1d2733}"
        "rect{fill:#e8eef4;stroke:#5b7a99}"
        "path{stroke:#8aa0b5;stroke-width:1.5;fill:none}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img">\n'
        f"<title>Which part imports which</title>\n<style>{style}</style>\n"
        f'<rect width="{wide}" height="{high}" style="fill:#fff;stroke:none"/>\n{body}\n</svg>\n'
    )


def _box(name: str, x: float, y: float) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{_WIDE}" height="{_HIGH}" rx="6"/>'
        f'<text x="{x + _WIDE / 2:g}" y="{y + 29:g}">{name}</text>'
    )


def _line(start: tuple[float, float], end: tuple[float, float], says: str, floor: int) -> str:
    """Draw from the bottom of one box to the top of another; past the floor between them to its side."""
    x, y = start[0] + _WIDE / 2, start[1] + _HIGH
    to_x, to_y = end[0] + _WIDE / 2, end[1]
    middle = f"C{x:g},{y + 40:g} {to_x:g},{to_y - 40:g} " if to_y - y < floor else "L"
    return f'<path d="M{x:g},{y:g} {middle}{to_x:g},{to_y:g}"><title>{says}</title></path>'


if __name__ == "__main__":
    for house in HOUSES:
        house.picture.write_text(house.drawn())

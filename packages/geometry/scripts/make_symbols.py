"""Make the list of symbols by which `epitaxy.geometry.symmetry.space_group_number` knows the space groups.

    pip install gemmi==0.7.5 spglib==2.8.0
    python packages/geometry/scripts/make_symbols.py            # compare with the shipped file
    python packages/geometry/scripts/make_symbols.py --write    # replace it

Short, full and extended Hermann-Mauguin symbols of all tabulated settings come from gemmi (MPL 2.0) and
spglib (BSD 3-clause), with the symbols of before 1983 and 1992 beside them; Hall symbols from both, where no
Hermann-Mauguin symbol reads the same.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import gemmi
import spglib

from epitaxy.geometry.symmetry.symbols import normalised

TARGET = Path(__file__).parents[1] / "src" / "epitaxy" / "geometry" / "symmetry" / "symbols.txt"

# The double glide e of 1992, in place of the letters that were used before.
E_GLIDES = {39: "Aem2", 41: "Aea2", 64: "Cmce", 67: "Cmme", 68: "Ccce"}
E_SETTINGS = {
    39: "Bme2 Cm2e Ac2m", 41: "Bbe2 Cc2e", 64: "Ccme Aema Aeam Bbem Bmeb", 67: "Aemm Bmem", 68: "Aeaa Bbeb",
}  # fmt: skip


def hermann_mauguin() -> Iterator[tuple[str, int]]:
    """Yield symbols and numbers, some more than once."""
    for group in gemmi.spacegroup_table():
        for symbol in (group.hm, group.short_name(), group.xhm()):
            yield symbol, group.number
            if group.number >= 195:
                yield symbol.replace("-3", "3"), group.number  # Pm3m, until 1983
    for hall in range(1, 531):
        kind = spglib.get_spacegroup_type(hall)
        for symbol in (*kind.international_short.split(" = "), *kind.international_full.split(" = ")):
            yield symbol, kind.number
            if kind.number >= 195:
                yield symbol.replace("-3", "3"), kind.number
    for number, symbol in E_GLIDES.items():
        yield symbol, number
        yield from ((other, number) for other in E_SETTINGS[number].split())


def halls() -> Iterator[tuple[str, int]]:
    """Yield Hall symbols and numbers."""
    for group in gemmi.spacegroup_table():
        yield group.hall, group.number
    for hall in range(1, 531):
        kind = spglib.get_spacegroup_type(hall)
        yield kind.hall_symbol, kind.number


def make() -> str:
    """Return the file: a group a line, its number and then its symbols, each of which means one group.

    The first line, of number 0, has the Hall symbols that without their spaces read as another group's.
    """
    known: dict[str, int] = {}
    for symbol, number in hermann_mauguin():
        key = normalised(symbol)
        if known.setdefault(key, number) != number:
            # -3 and 3 differ where the triad is the only axis; the symbol itself comes before the old one.
            if symbol.count("3") and number >= 195:
                continue
            raise SystemExit(f"{symbol!r} is of groups {known[key]} and {number}")
    doubtful = []
    for symbol, number in halls():
        # C 2 with its space is the usual way to write C2: doubtful are those of three parts.
        if known.setdefault(normalised(symbol), number) != number and len(symbol.split()) > 2:
            doubtful.append("_".join(symbol.lower().split()))
    lines = [" ".join(["0", *dict.fromkeys(doubtful)])]
    for number in range(1, 231):
        keys = [key for key, owner in known.items() if owner == number]
        lines.append(" ".join([str(number), *keys]))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Compare or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="replace the shipped file")
    text = make()
    if parser.parse_args().write:
        TARGET.write_text(text, encoding="utf-8")
    elif TARGET.read_text(encoding="utf-8") != text:
        sys.exit("the shipped list differs")
    sys.stdout.write(f"{len(text.split()) - 231} symbols of 230 groups\n")


if __name__ == "__main__":
    main()

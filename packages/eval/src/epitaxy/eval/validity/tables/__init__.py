"""Frozen oxidation-state tables, by name.

Tables are frozen because smact changed its default (SMACT14 to ICSD24) and corrected entries on the way, and
with it every figure computed through it. ``scripts/freeze_oxidation_tables.py`` wrote them and says from
where.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

TABLE_NAMES = ("smact14", "icsd24")
"""``smact14``: smact 2.2.1, as the published tables; ``icsd24``: today's default of smact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OxidationTable:
    """What a compositional rule knows of each element, by symbol.

    Attributes:
        name: As in ``TABLE_NAMES``.
        source: The release and files it was frozen from.
        oxidation_states: The allowed states; an element that is absent has none.
        electronegativities: Pauling electronegativities; an element that is absent has none known.
        metals: The elements that alone make an alloy.

    """

    name: str
    source: str
    oxidation_states: Mapping[str, tuple[int, ...]]
    electronegativities: Mapping[str, float]
    metals: frozenset[str]


@cache
def oxidation_table(name: str) -> OxidationTable:
    """Read the frozen table of that name.

    Raises:
        ValueError: If there is none of that name.

    """
    if name not in TABLE_NAMES:
        raise ValueError(f"no oxidation-state table is called {name!r}; there are {', '.join(TABLE_NAMES)}")
    raw = json.loads(files(__package__).joinpath(f"{name}.json").read_text())
    return OxidationTable(
        name=raw["name"],
        source=raw["source"],
        oxidation_states=MappingProxyType(
            {s: tuple(states) for s, states in raw["oxidation_states"].items()}
        ),
        electronegativities=MappingProxyType(raw["electronegativities"]),
        metals=frozenset(raw["metals"]),
    )

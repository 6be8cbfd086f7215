"""Write the frozen oxidation-state tables of ``epitaxy.eval`` from two releases of smact.

The tables never change once written: published figures rest on them. This script says where they came from
and lets anyone check it::

    pip download --no-deps smact==2.2.1 -d /tmp/smact && unzip -d /tmp/smact/2.2.1 /tmp/smact/*2.2.1*.whl
    pip install "smact==4.0.2"
    python packages/eval/scripts/freeze_oxidation_tables.py /tmp/smact/2.2.1/smact

``smact14`` is read from the files of smact 2.2.1, the release that CDVAE, DiffCSP, CrysBFN and KLDM pin.
``icsd24`` is what the installed smact's ``smact_validity`` uses when nothing else is asked.
smact is under the MIT licence, copyright Keith T. Butler, Jonathan M. Skelton, Adam J. Jackson, Daniel W.
Davies and its other authors.
"""

import ast
import json
import sys
from importlib.metadata import version
from pathlib import Path

TABLES = Path(__file__).parents[1] / "src/epitaxy/eval/validity/tables"

Table = dict[str, object]


def smact14(package: Path) -> Table:
    """Read the SMACT14 table from the folder of an unpacked smact 2.2.1."""
    module = ast.parse((package / "__init__.py").read_text())
    metals = next(
        ast.literal_eval(node.value)
        for node in module.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "metals"
    )
    rows = [line.split() for line in _lines(package / "data/element_data.txt")]
    electronegativities = {row[0]: None if row[9] == "None" else float(row[9]) for row in rows}
    states = {
        row[0]: [int(state) for state in row[1:]]
        for row in map(str.split, _lines(package / "data/oxidation_states.txt"))
    }
    return _table(
        "smact14",
        "smact 2.2.1: data/oxidation_states.txt, data/element_data.txt, metals",
        states,
        electronegativities,
        metals,
    )


def icsd24() -> Table:
    """Read the table behind the default of ``smact.screening.smact_validity`` from the installed smact."""
    import smact
    from smact.utils.oxidation import ICSD24OxStatesFilter

    frame = ICSD24OxStatesFilter().filter(consensus=3, include_zero=False, commonality="low")
    states = {
        str(element): [int(state) for state in str(text).split()]
        for element, text in zip(frame["element"], frame["oxidation_state"], strict=True)
    }
    electronegativities = {
        symbol: element.pauling_eneg for symbol, element in smact.element_dictionary().items()
    }
    call = "ICSD24OxStatesFilter().filter(consensus=3, include_zero=False, commonality='low')"
    source = f"smact {version('smact')}: {call}"
    return _table("icsd24", source, states, electronegativities, smact.metals)


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]


def _table(
    name: str,
    source: str,
    states: dict[str, list[int]],
    electronegativities: dict[str, float | None],
    metals: list[str],
) -> Table:
    return {
        "name": name,
        "source": source,
        "oxidation_states": {symbol: sorted(values) for symbol, values in sorted(states.items()) if values},
        "electronegativities": {
            s: value for s, value in sorted(electronegativities.items()) if value is not None
        },
        "metals": sorted(metals),
    }


def dump(table: Table) -> str:
    """Write the table as JSON, one element a line, so that a difference shows as one line."""
    body = []
    for key, value in table.items():
        if isinstance(value, dict):
            rows = ",\n".join(f"    {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            body.append(f"  {json.dumps(key)}: {{\n{rows}\n  }}")
        else:
            body.append(f"  {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(body) + "\n}\n"


if __name__ == "__main__":
    for frozen in (smact14(Path(sys.argv[1])), icsd24()):
        (TABLES / f"{frozen['name']}.json").write_text(dump(frozen))

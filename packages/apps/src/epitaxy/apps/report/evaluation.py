"""The sections that every evaluation's page has."""

from collections.abc import Sequence

from epitaxy.apps.report.definitions import meaning
from epitaxy.apps.report.page import Section
from epitaxy.apps.report.scores import Scored, count_rows, figure_header, figure_rows, reasons, remarks


def score_sections(sets: Sequence[Scored]) -> list[Section]:
    """Return the figures with definitions, then counts, notes and what could not be read."""
    protocol = sets[0].report.protocol
    rows = figure_rows(sets)
    sections = [
        Section(
            title="Figures",
            note=f"Protocol {protocol['name']}: {protocol['definition']}",
            header=figure_header(sets),
            rows=rows,
            about={row[0]: _definition(row[0], sets) for row in rows},
        ),
        Section(title="Counts", header=("", *(scored.name for scored in sets)), rows=count_rows(sets)),
    ]
    notes = [(scored.name, ", ".join(names), note) for scored in sets for names, note in _notes(scored)]
    if notes:
        sections.append(Section(title="Notes", header=("set", "about", "note"), rows=notes))
    broken = [(scored.name, name, reason) for scored in sets for name, reason in scored.rejects.items()]
    if broken:
        sections.append(
            Section(
                title="Could not be used",
                note=f"{len(broken)} records, counted as failures; at most {_BROKEN} are shown.",
                header=("set", "record", "reason"),
                rows=broken[:_BROKEN],
            )
        )
    return sections


_BROKEN = 100


def _notes(scored: Scored) -> list[tuple[list[str], str]]:
    missing = [(names, reason) for reason, names in reasons(scored.report).items()]
    return missing + [([name], note) for name, note in remarks(scored.report).items()]


def _definition(name: str, sets: Sequence[Scored]) -> str:
    return meaning(name, str(sets[0].report.protocol["name"])).definition

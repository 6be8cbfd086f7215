"""Reading a run's losses; cheap to import."""

import csv
from pathlib import Path


def read_metrics(path: Path) -> list[dict[str, str]]:
    """Return the rows of a ``metrics.csv``; a line cut short by a kill is left out."""
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values() and row["step"].isdigit()]

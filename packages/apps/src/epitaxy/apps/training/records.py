"""The loss curve on disk: ``metrics.csv``, one row a report, that survives kills and resumes."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from epitaxy.apps.foundation.files import write_text
from epitaxy.apps.training.metrics import read_metrics


class MetricsCsv(Logger):
    """Appends one line per report to ``metrics.csv``; a resumed run first drops what it is about to redo.

    (Lightning's own CSV logger deletes the file of an earlier session when one resumes.)

    Args:
        path: the file.
        fields: the modalities, each of which has a column for its loss.
        metric: what else some validations measure, in the last column.
    """

    def __init__(self, path: Path, *, fields: Sequence[str], metric: str | None = None) -> None:
        super().__init__()
        self.path = path
        self.columns = ("step", "split", "loss", *fields, "learning_rate", *((metric,) if metric else ()))

    @property
    def name(self) -> str:
        """The logger's name."""
        return "metrics"

    @property
    def version(self) -> str:
        """There is one file a run."""
        return "0"

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """The recipe is in ``recipe.json`` already."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append the losses found in ``metrics`` as one row."""
        split = "val" if "val/loss" in metrics else "train"
        if f"{split}/loss" not in metrics:
            return
        row: dict[str, float | int | str] = {
            name: metrics[f"{split}/{name}"] for name in self.columns if f"{split}/{name}" in metrics
        }
        row |= {"step": step or 0, "split": split}
        if "learning_rate" in metrics:
            row["learning_rate"] = metrics["learning_rate"]
        fresh = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            if fresh:
                writer.writeheader()
            writer.writerow({name: _text(value) for name, value in row.items()})

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(read_metrics(self.path)) if self.path.exists() else 0

    @rank_zero_only
    def rewind(self, rows: int) -> None:
        """Drop all but the first ``rows``: they will be written again."""
        if not self.path.exists():
            return
        kept = read_metrics(self.path)[:rows]
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(kept)
        write_text(self.path, text.getvalue())


def _text(value: float | int | str) -> str:
    return f"{value:.8g}" if isinstance(value, float) else str(value)

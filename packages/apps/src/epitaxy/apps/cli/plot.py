"""``epitaxy plot``: the loss curves of runs."""

from collections.abc import Sequence
from pathlib import Path

from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.folders import METRICS
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.foundation.suggest import check_named
from epitaxy.apps.report.curves import curves_figure, write_loss_svg
from epitaxy.apps.report.page import Section, write_page
from epitaxy.apps.training.metrics import read_metrics


def run_plot(runs: Sequence[str], out: Path) -> None:
    """Draw the curves of run folders, or of files such as their ``metrics.csv``, into one page or drawing.

    Raises:
        UsageError: no run, or one without a loss yet; a form that is not written.
    """
    if out.suffix not in (".html", ".svg"):
        raise UsageError(f"--out {out}: end its name in .html or .svg, which says what to draw")
    curves = {name: _rows(name) for name in dict.fromkeys(runs)}
    for name, rows in curves.items():
        if not rows:
            raise UsageError(f"{name} has no loss yet: plot it again when training has reported one")
    if out.suffix == ".svg":
        write_loss_svg(out, curves)
    else:
        sections = [Section(title="Loss", figures=[curves_figure(curves)])]
        ends = "; ".join(f"{name}: {_end(rows)}" for name, rows in curves.items())
        write_page(out, title="Loss curves", lead=f"{ends}.", sections=sections)
    notify(f"{len(curves)} runs in {out}")


def _rows(run: str) -> list[dict[str, str]]:
    check_named(run, "the folder that `train --out` wrote")
    path = Path(run)
    for candidate in (path / METRICS, path):
        if candidate.is_file():
            try:
                return read_metrics(candidate)
            except (KeyError, ValueError) as error:
                raise UsageError(f"{candidate} is no {METRICS} of a run: it has no {error}") from error
    raise UsageError(f"{run} is no run folder and no {METRICS}: name what `train --out` wrote")


def _end(rows: Sequence[dict[str, str]]) -> str:
    val = [row for row in rows if row["split"] == "val"]
    last, word = (val[-1], "validation") if val else (rows[-1], "training")
    return f"{word} loss {float(last['loss']):.4g} after {int(last['step']):,} steps"

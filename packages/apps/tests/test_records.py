from pathlib import Path

from epitaxy.apps.training.metrics import read_metrics
from epitaxy.apps.training.records import MetricsCsv

FIELDS = ("positions", "lattice", "species")


def test_the_curve_survives_a_kill_and_a_resume(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    curve = MetricsCsv(path, fields=FIELDS)
    for step in range(5):
        curve.log_metrics({"train/loss": 1.0 / (step + 1), "train/positions": 0.5, "epoch": 0}, step=step)
    curve.log_metrics({"val/loss": 0.25}, step=4)
    curve.log_metrics({"something": 1.0}, step=4)
    whole = read_metrics(path)
    assert [row["step"] for row in whole] == ["0", "1", "2", "3", "4", "4"]
    with path.open("a") as file:
        file.write("5,tra")  # killed while writing
    assert read_metrics(path) == whole
    MetricsCsv(path, fields=FIELDS).rewind(3)
    assert [row["step"] for row in read_metrics(path)] == ["0", "1", "2"]
    MetricsCsv(path, fields=FIELDS).log_metrics({"train/loss": 0.25}, step=3)
    assert read_metrics(path)[-1]["step"] == "3"

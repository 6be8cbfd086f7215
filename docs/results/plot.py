"""Draw the loss curves in this folder: each ``*-loss.csv`` becomes an ``*.svg``."""

import csv
from pathlib import Path

import matplotlib.pyplot as plt

HERE = Path(__file__).parent


def main() -> None:
    for file in sorted(HERE.glob("*-loss.csv")):
        rows = list(csv.DictReader(file.open(newline="")))
        figure, axes = plt.subplots(figsize=(7, 3.5))
        for split, colour in (("train", "#9bb7d4"), ("val", "#c0392b")):
            chosen = [row for row in rows if row["split"] == split]
            axes.plot(
                [int(r["step"]) for r in chosen],
                [float(r["loss"]) for r in chosen],
                color=colour,
                label=split,
            )
        axes.set(xlabel="step", ylabel="loss", yscale="log", title=file.stem)
        axes.legend()
        figure.tight_layout()
        figure.savefig(file.with_suffix(".svg"), metadata={"Date": None})
        print(file.with_suffix(".svg"))


if __name__ == "__main__":
    main()

"""``epitaxy average``: one model of several."""

from collections.abc import Sequence
from pathlib import Path

from epitaxy.apps.foundation.folders import CARD, WEIGHTS
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.generative.model_dir import load_model, save_model
from epitaxy.apps.training.card import card_of_mean
from epitaxy.apps.training.mean import mean_model


def run_average(models: Sequence[str], out: Path, *, half: bool) -> None:
    """Write the mean of the models' weights as a model directory."""
    loaded = [load_model(name) for name in models]
    card = loaded[0].path / CARD
    text = card_of_mean(card.read_text(encoding="utf-8") if card.is_file() else "", models)
    save_model(out, mean_model(loaded), card=text, half=half)
    megabytes = (out / WEIGHTS).stat().st_size / 1e6
    what = f"the mean of {len(models)} models' weights" if len(models) > 1 else f"the weights of {models[0]}"
    notify(f"{what} in {out}, {megabytes:.1f} MB")

"""One meaning of ``--device``, in training and sampling alike; Apple's GPUs are refused with the reason."""

import pytest
import torch
from typer.testing import CliRunner

from epitaxy.apps import UsageError
from epitaxy.apps.cli.crysbfn import app
from epitaxy.apps.foundation.checks import check_device_word
from epitaxy.apps.foundation.devices import chosen_device, usable


@pytest.mark.parametrize(("there", "auto"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_a_cuda_gpu_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, there: bool, auto: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert chosen_device("auto") == auto
    assert chosen_device("cpu") == "cpu"


def test_cuda_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="no CUDA device is visible"):
        chosen_device("cuda")


@pytest.mark.parametrize(
    ("word", "sentence"), [("mps", "no float64"), ("gpu", "choose auto"), ("cuda:1", "choose")]
)
def test_other_words_are_refused(word: str, sentence: str) -> None:
    for refuse in (check_device_word, chosen_device):
        with pytest.raises(UsageError, match=sentence):
            refuse(word)


@pytest.mark.parametrize("verb", ["train", "sample"])
def test_training_and_sampling_say_the_same(verb: str, tmp_path: object) -> None:
    words = {
        "train": ["train", "--data", "prototypes", "--out", f"{tmp_path}/run"],
        "sample": ["sample", "crysbfn-perov-small", "--formula", "SrTiO3", "--out", f"{tmp_path}/out"],
    }[verb]
    result = CliRunner().invoke(app, [*words, "--device", "mps"])
    assert isinstance(result.exception, UsageError)
    assert "--device mps: Apple's GPUs (mps) have no float64" in str(result.exception)


def test_python_refuses_apple_s_too() -> None:
    with pytest.raises(UsageError, match="no float64"):
        usable("mps")
    assert usable("cpu") == torch.device("cpu")

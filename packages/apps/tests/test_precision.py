"""What is said of numbers that a processor has no instructions for, and how that is known."""

from typing import Any

import pytest
import torch

from epitaxy.apps.foundation.devices import multiplies_bfloat16
from epitaxy.apps.training.precision import warn_of_slow_numbers

ZEN2 = {"architecture": "x86_64", "avx2": True, "avx512_bf16": False, "amx_bf16": False}


@pytest.fixture
def said(monkeypatch, capsys):
    def of(word: Any, device: str, **able: object) -> str:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
        warn_of_slow_numbers(word, device)
        return capsys.readouterr().err

    return of


@pytest.mark.parametrize("word", ["bf16-mixed", "bf16-true", "bf16"])
def test_a_processor_without_bfloat16_is_named_once(said, word):
    text = said(word, "cpu", **ZEN2)
    assert text.startswith(f"--precision {word}: this processor")
    assert text.endswith("use 32-true\n")


@pytest.mark.parametrize(
    ("word", "device", "able"),
    [
        ("bf16-mixed", "cuda", ZEN2),
        ("32-true", "cpu", ZEN2),
        (32, "cpu", ZEN2),
        ("bf16-mixed", "cpu", ZEN2 | {"avx512_bf16": True}),
        ("bf16-mixed", "cpu", ZEN2 | {"amx_bf16": True}),
        ("bf16-mixed", "cpu", {"architecture": "aarch64"}),
        ("bf16-mixed", "cpu", {}),
    ],
)
def test_all_others_are_left_alone(said, word, device, able):
    assert said(word, device, **able) == ""


def test_this_machine_has_an_answer():
    """The names that are asked for exist on the machines of x86 that tests run on."""
    assert multiplies_bfloat16("cuda") is True
    able = torch.cpu.get_capabilities()
    if str(able["architecture"]).startswith("x86"):
        assert {"avx512_bf16", "amx_bf16"} <= set(able)

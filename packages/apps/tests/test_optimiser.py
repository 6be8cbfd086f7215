"""Muon beside AdamW: which parameters each steps, what its steps are, and that they resume."""

import copy

import torch
from torch import nn

from epitaxy.apps.config import TrainingConfig
from epitaxy.apps.training.muon import Muon
from epitaxy.apps.training.optimiser import Together, hidden_matrices, optimiser
from epitaxy.models import CSPNet, RotaryNet

MUON = TrainingConfig(passes=1, batch_size=1, optimiser="muon", learning_rate=0.01, weight_decay=0.1)


def network(seed: int = 0) -> RotaryNet:
    torch.manual_seed(seed)
    return RotaryNet(species=3, species_input="index", hidden=8, heads=2, layers=2, time_dim=4)


def names(net: nn.Module) -> set[str]:
    matrices = {id(p) for p in hidden_matrices(net)[0]}
    return {name for name, p in net.named_parameters() if id(p) in matrices}


def test_muon_gets_the_matrices_of_layers_and_nothing_else():
    parts = ("modulation", "qkv", "out", "up", "down")
    assert names(network()) == {f"layers.{k}.{part}.weight" for k in (0, 1) for part in parts}
    cspnet = CSPNet(species=3, species_input="index", hidden=8, layers=1, frequencies=2, time_dim=4)
    assert names(cspnet) == {
        f"layers.0.{part}.weight" for part in ("edges.first", "edges.second", "update.0", "update.2")
    }


def test_a_layer_that_is_a_matrix_itself_is_within():
    net = nn.Module()
    net.layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    assert names(net) == {"layers.0.weight", "layers.1.weight"}


def step(net: nn.Module, together: torch.optim.Optimizer, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=rng)
    together.step()


def test_each_part_steps_as_it_would_alone():
    one, other = network(), network()
    together = optimiser(one, MUON)
    matrices, rest = hidden_matrices(other)
    words = {"lr": 0.01, "weight_decay": 0.1}
    alone = [
        Muon(matrices, **words),
        torch.optim.AdamW(rest, **words),
    ]
    for seed in range(3):
        step(one, together, seed)
        step(other, alone[0], seed)
        alone[1].step()
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_state_resumes_to_the_bit():
    one = network()
    together = optimiser(one, MUON)
    step(one, together, 0)
    other = network(1)
    other.load_state_dict(one.state_dict())
    resumed = optimiser(other, MUON)
    resumed.load_state_dict(copy.deepcopy(together.state_dict()))
    for seed in (1, 2):
        step(one, together, seed)
        step(other, resumed, seed)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_schedule_reaches_both_parts():
    net = network()
    together = optimiser(net, MUON)
    assert isinstance(together, Together)
    scheduler = torch.optim.lr_scheduler.LambdaLR(together, lambda _: 0.0)
    before = [p.clone() for p in net.parameters()]
    step(net, together, 0)
    scheduler.step()
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


def test_adamw_is_the_default():
    assert isinstance(optimiser(network(), TrainingConfig(passes=1, batch_size=1)), torch.optim.AdamW)

"""``--compile``: compiled networks train and sample as the others do.

In processes of their own, without the tests' type hook, which the compiler cannot follow; by the backend
"aot_eager", which traces and differentiates as "inductor" does and needs no C++ compiler. A network is one
graph, which the compiler leaves nowhere for Python.
"""

import subprocess
import sys

import pytest

COMPILED = """
import sys
import torch
from epitaxy.apps.config import apply_overrides
from epitaxy.apps.generative.recipes import preset
from epitaxy.apps.foundation.devices import compile_network
from epitaxy.apps.generative.kind import kind_of
from epitaxy.apps.training.times import stratified_times
from epitaxy.geometry import SharedRng
from torch._dynamo.utils import counters

name, *words = sys.argv[1:]
data = "g2" if name == "geobfn" else "prototypes"
task = "csp" if name in ("crysbfn", "kldm") else "dng"
base = preset("small", model=name, task=task, dataset=data)
recipe = apply_overrides(base, ["network.hidden=16", "network.layers=1", "network.time_dim=8", *words])
family = kind_of(name)
dataset = family.load(recipe, "val", None)

def build():
    torch.manual_seed(0)
    return family.build(recipe, family.summarise(dataset))

one, other = build(), build()
compile_network(other.network, "aot_eager")
assert list(one.network.state_dict()) == list(other.network.state_dict())
for size in (8, 5):
    batch, found = dataset.batch(range(size)), []
    for model in (one, other):
        model.flow.refresh(0)
        noise = torch.Generator().manual_seed(1)
        losses = model.losses(batch, stratified_times(size, model.flow.grid, noise), source=SharedRng(noise))
        model.network.zero_grad()
        model.weighted(losses).backward()
        found.append({**losses, **{name: x.grad for name, x in model.network.named_parameters()}})
    for key, value in found[0].items():
        if value is not None:
            close = max(1e-5, 1e-6 * float(value.abs().max()))  # to rounding of the largest
            torch.testing.assert_close(found[1][key], value, rtol=1e-4, atol=close, msg=key)
assert counters["stats"]["unique_graphs"] > 0 and not counters["graph_break"], counters["graph_break"]
"""

CASES = [
    pytest.param(("kldm", "network.kind=rotary", "network.heads=2"), id="rotary"),
    pytest.param(
        ("kldm", "network.kind=rotary", "network.heads=2", 'conditioning.properties=["density"]'), id="told"
    ),
    pytest.param(("geobfn",), id="geobfn"),
    pytest.param(("crysbfn", "network.kind=cspnet", "positions.grid=20", "lattice.grid=20"), id="crysbfn"),
    pytest.param(("kldm", "network.kind=cspnet"), id="kldm"),
    pytest.param(("symmbfn",), id="symmbfn"),
]


@pytest.mark.slow  # half a minute each; that RotaryNet compiles, its own tests say
@pytest.mark.parametrize("words", CASES)
def test_a_compiled_network_learns_the_same(words: tuple[str, ...]):
    command = [sys.executable, "-c", COMPILED, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]

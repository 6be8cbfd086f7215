import torch

from epitaxy.geometry import *
from epitaxy.geometry import CrystalBatch, FlatTorus, Segments, StructureRng, VonMises


def test_all():
    s = Segments.from_counts([1, 3, 2])
    s.pairs()
    s.center(torch.ones(6, 3))
    s.sum(torch.ones(6))
    t = FlatTorus()
    t.log(torch.rand(4, 3), torch.rand(3))
    t.exp(torch.rand(4, 3), torch.rand(3))
    t.dist(torch.rand(2, 4, 3), torch.rand(3))
    b = CrystalBatch(
        segments=s,
        positions=torch.rand(6, 3),
        lattice=torch.eye(3).repeat(3, 1, 1),
        numbers=torch.arange(6),
        ids=("a", "b", "c"),
        properties={"e": torch.tensor([1.0, 2.0, 3.0])},
    )
    c = CrystalBatch.from_pyg(b.to_pyg())
    assert c.ids == b.ids
    d = CrystalBatch.cat([b, c.select([2, 0])])
    assert d.ids == ("a", "b", "c", "c", "a")
    v = VonMises(torch.zeros(6, 3), torch.tensor(10.0))
    v.entropy()
    v.kl(v)
    v.log_prob(torch.zeros(6, 3))
    v.mean_resultant_length()
    r = StructureRng(torch.arange(3), s)
    v.sample(r.rows("x", "atom"))
    v.sample(torch.Generator())
    SharedRng(torch.Generator()).rows("x", "atom").normal(
        (3,), dtype=torch.float32, device=torch.device("cpu")
    )

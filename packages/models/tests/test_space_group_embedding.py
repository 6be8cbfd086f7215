"""Space groups as features."""

import itertools

import pytest
import torch

from epitaxy.geometry.symmetry import space_group, wyckoff_table
from epitaxy.models import SpaceGroupEmbedding, space_group_descriptor

EVERY = torch.arange(1, 231)


def test_every_group_is_described_differently():
    described = space_group_descriptor()
    assert described.shape[0] == 230
    assert set(described.unique().tolist()) == {0.0, 1.0}
    assert len(described.unique(dim=0)) == 230
    assert (described.sum(0) > 0).all()


def elements(number: int) -> set[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Matrix and intrinsic translation in 288ths of each element of a group, one by one."""
    group = space_group(number)
    found = set()
    for rotation, translation in zip(group.rotations, group.translations, strict=True):
        total = sum(torch.linalg.matrix_power(rotation.double(), k) for k in range(12)).round().long()
        for shift in itertools.product([-24, 0, 24], repeat=3):
            intrinsic = (total @ (translation + torch.tensor(shift))) % 288
            found.add((tuple(rotation.flatten().tolist()), tuple(intrinsic.tolist())))
    return found


def test_groups_share_as_many_channels_as_elements():
    """P4, P4_1 and P4_3; I222 and I2_1 2_1 2_1, which share all; centred groups."""
    some = [1, 23, 24, 75, 76, 78, 65, 146, 213]
    described, of = space_group_descriptor(), {number: elements(number) for number in some}
    for one, other in itertools.product(some, repeat=2):
        rows = described[[one - 1, other - 1], : number_of_elements()]
        assert int(rows.prod(0).sum()) == len(of[one] & of[other])
    assert of[76] != of[78]
    assert of[23] == of[24]


def number_of_elements() -> int:
    return space_group_descriptor().shape[1] - len(wyckoff_table().site_rows)


@pytest.mark.parametrize(("group", "subgroup"), [(225, 216), (225, 2), (14, 4), (194, 176), (62, 19)])
def test_a_translationengleiche_subgroup_has_no_element_of_its_own(group: int, subgroup: int):
    """Pairs in one setting."""
    described = space_group_descriptor()[:, : number_of_elements()]
    assert (described[subgroup - 1] <= described[group - 1]).all()


def test_the_descriptor_is_no_part_of_the_weights():
    assert set(SpaceGroupEmbedding(8).state_dict()) == {"shared.weight", "shared.bias", "own.weight"}


def test_before_training_groups_differ_by_their_descriptors_alone():
    torch.manual_seed(0)
    found = SpaceGroupEmbedding(32)(EVERY)
    distance = torch.cdist(found, found) + 9 * torch.eye(230)
    assert distance.min() > 0.1
    assert 0.2 < found.std() < 2


def test_what_one_group_learns_reaches_the_others():
    torch.manual_seed(0)
    embedding = SpaceGroupEmbedding(8)
    before = embedding(EVERY).detach()
    embedding(torch.tensor([225])).sum().backward()
    with torch.no_grad():
        for parameter in embedding.parameters():
            parameter -= 0.01 * parameter.grad
    moved = (embedding(EVERY) - before).abs().sum(1)
    assert moved.argmax() == 224
    assert (moved > 0).all()
    assert (embedding.own.weight.abs().sum(1) > 0).nonzero().flatten().tolist() == [224]


def test_built_without_memory_first():
    """As checkpoints are counted: what is computed there is not what later networks get."""
    space_group_descriptor.cache_clear()
    with torch.device("meta"):
        assert SpaceGroupEmbedding(8).descriptor.is_meta
    assert SpaceGroupEmbedding(8)(EVERY).isfinite().all()


@pytest.mark.parametrize("wrong", [0, 231, -3])
def test_other_numbers_are_refused(wrong: int):
    with pytest.raises(ValueError, match=f"the numbers 1 to 230, not {wrong}"):
        SpaceGroupEmbedding(8)(torch.tensor([5, wrong]))

"""The quick type hook of conftest.py accepts and refuses what jaxtyping's own does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jaxtyping
import pytest
import torch
from beartype import beartype
from jaxtyping import Float, Int, TypeCheckError, _decorator
from torch import Tensor

from epitaxy.geometry import gram

QUICK, OWN = jaxtyping.jaxtyped, _decorator.jaxtyped
HOOKS = [pytest.param(QUICK, id="quick"), pytest.param(OWN, id="jaxtyping's")]
X3, X4 = torch.zeros(3), torch.zeros(4)


def same(x: Float[Tensor, " n"], y: Float[Tensor, " n"] | None = None) -> Float[Tensor, " n"]:
    return x if y is None else y


def longer(x: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    return torch.cat([x, x])


def whole(x: Int[Tensor, "*batch n"], scale: float = 1.0) -> Int[Tensor, "*batch n"]:
    return x if scale == 1.0 else x * scale  # type: ignore[no-any-return]


def computed(n: int) -> Float[Tensor, " {n}"]:
    return X3


def text(x: "Float[Tensor, ' n']", y: "Float[Tensor, ' n']") -> None:
    return None


def lazily(x: Float[Tensor, " n"]) -> Iterator[Float[Tensor, " n"]]:
    yield x


def named(*xs: Float[Tensor, " n"], **words: int) -> tuple[Float[Tensor, " n"], ...]:
    return xs


def through(make: Callable[..., Any], x: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    return make(x)


def pair() -> type:
    """Make the class anew: a hook checks it in place."""

    @dataclass(frozen=True)
    class Pair:
        x: Float[Tensor, " n"]
        y: Float[Tensor, " n"]
        tags: list[str] = field(default_factory=list)

    return Pair


INT = torch.zeros(2, 3, dtype=torch.long)
CALLS: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], bool]] = [
    (same, (X3,), {}, True),
    (same, (X3, X3), {}, True),
    (same, (X3,), {"y": X3}, True),
    (same, (X3, X4), {}, False),
    (same, (X3,), {"y": X4}, False),
    (same, (X3.long(),), {}, False),
    (same, (X3[None],), {}, False),
    (same, (None,), {}, False),
    (longer, (X3,), {}, False),
    (longer, (X3[:0],), {}, True),
    (whole, (INT,), {}, True),
    (whole, (INT, 0.5), {}, False),
    (whole, (INT, "1"), {}, False),
    (computed, (3,), {}, True),
    (computed, (4,), {}, False),
    (text, (X3, X3), {}, True),
    (text, (X3, X4), {}, False),
    (lazily, (X3,), {}, True),
    (lazily, (X3.long(),), {}, False),
    (named, (X3, X3), {"a": 1}, True),
    (named, (X3, X4), {}, False),
    (named, (X3,), {"a": "1"}, False),
    (pair, (X3, X3), {}, True),
    (pair, (X3, X4), {}, False),
]


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize(("thing", "values", "words", "right"), CALLS)
def test_both_accept_and_refuse_the_same(
    thing: Any, values: tuple[Any, ...], words: dict[str, Any], right: bool, hook: Any
) -> None:
    checked = hook(typechecker=beartype)(pair() if thing is pair else thing)
    if right:
        checked(*values, **words)
    else:
        with pytest.raises(TypeCheckError):
            checked(*values, **words)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_name_of_an_axis_is_known_in_its_call_alone(hook: Any) -> None:
    """Another call within, or after an error, has names of its own; the outer one's are as they were."""
    inner, outer = hook(typechecker=beartype)(same), hook(typechecker=beartype)(through)
    assert outer(lambda _: inner(X4)[:3], X3).shape == (3,)
    with pytest.raises(TypeCheckError):
        outer(lambda _: inner(X4), X3)
    with pytest.raises(ZeroDivisionError):
        outer(lambda _: 1 / 0, X3)
    assert inner(X4).shape == (4,)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_wrong_call_is_python_s_own_error(hook: Any) -> None:
    with pytest.raises(TypeError, match="missing"):
        hook(typechecker=beartype)(same)()
    with pytest.raises(TypeError, match="unexpected"):
        hook(typechecker=beartype)(same)(X3, z=1)


def test_the_packages_are_under_the_hook() -> None:
    assert QUICK is not OWN
    with pytest.raises(TypeCheckError):
        gram(torch.zeros(2, 3))

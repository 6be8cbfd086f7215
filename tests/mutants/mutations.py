"""What is changed in a module, one place at a time: cosmic-ray's operators that say something, and four more.

cosmic-ray turns each binary operator into eleven others; one says whether any test looks. Annotations,
decorators, messages (the words of `raise` and of warnings) and assertions are left as they are.
"""

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator
from parso.python.tree import Name, Number

Node = Any
"""A node of parso's tree, whose own types are partial."""
_COSMIC = (
    "AddNot",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ExceptionReplacer",
    "NumberReplacer",
    "ZeroIterationForLoop",
    "ReplaceBinaryOperator_Add_Sub",
    "ReplaceBinaryOperator_Sub_Add",
    "ReplaceBinaryOperator_Mul_Div",
    "ReplaceBinaryOperator_Div_Mul",
    "ReplaceBinaryOperator_FloorDiv_Mul",
    "ReplaceBinaryOperator_Mod_Mul",
    "ReplaceBinaryOperator_Pow_Mul",
    "ReplaceBinaryOperator_BitOr_BitAnd",
    "ReplaceBinaryOperator_BitAnd_BitOr",
    "ReplaceComparisonOperator_Eq_NotEq",
    "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceComparisonOperator_Lt_LtE",
    "ReplaceComparisonOperator_Lt_GtE",
    "ReplaceComparisonOperator_LtE_Lt",
    "ReplaceComparisonOperator_LtE_Gt",
    "ReplaceComparisonOperator_Gt_GtE",
    "ReplaceComparisonOperator_Gt_LtE",
    "ReplaceComparisonOperator_GtE_Gt",
    "ReplaceComparisonOperator_GtE_Lt",
    "ReplaceUnaryOperator_Delete_USub",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_Invert",
)
_SIBLINGS = {
    "ceil": "floor",
    "cos": "sin",
    "exp": "expm1",
    "expm1": "exp",
    "floor": "ceil",
    "log": "log1p",
    "log1p": "log",
    "max": "min",
    "maximum": "minimum",
    "mean": "sum",
    "min": "max",
    "minimum": "maximum",
    "ones": "zeros",
    "ones_like": "zeros_like",
    "sin": "cos",
    "sqrt": "square",
    "square": "sqrt",
    "sum": "mean",
    "zeros": "ones",
    "zeros_like": "ones_like",
}
"""Functions that are mistaken for each other, of one signature."""
_SHOWN = ("repr",)
"""Keywords that say only how an object prints."""
_UNTOUCHED = {"raise_stmt", "assert_stmt", "decorator", "tfpdef", "import_from", "import_name"}


class SwapName(Operator):  # type: ignore[misc]  # cosmic-ray has no types
    """Call the function's sibling."""

    def mutation_positions(self, node: Node) -> Iterator[tuple[object, object]]:
        """Yield the names that are called."""
        if node.type == "name" and node.value in _SIBLINGS:
            after = node.get_next_leaf()
            if after is not None and getattr(after, "value", "") == "(" and node.parent.type != "funcdef":
                yield node.start_pos, node.end_pos

    def mutate(self, node: Node, index: int) -> Node:  # noqa: ARG002 - the operators' signature
        """Put the sibling there."""
        return Name(_SIBLINGS[node.value], node.start_pos, prefix=node.prefix)

    @classmethod
    def examples(cls) -> Sequence[object]:
        """None."""
        return ()


class ScaleNumber(Operator):  # type: ignore[misc]
    """Make a float 5 % larger: tests that only look whether something moves stay quiet."""

    def mutation_positions(self, node: Node) -> Iterator[tuple[object, object]]:
        """Yield floats that are no guard against 0."""
        if (
            isinstance(node, Number)
            and isinstance(value := ast.literal_eval(node.value), float)
            and value > 0.01
        ):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Node, index: int) -> Node:  # noqa: ARG002
        """Put the larger number there."""
        return Number(repr(1.05 * ast.literal_eval(node.value)), node.start_pos, prefix=node.prefix)

    @classmethod
    def examples(cls) -> Sequence[object]:
        """None."""
        return ()


class DropCall(Operator):  # type: ignore[misc]
    """Leave out a call that is made for its effect."""

    def mutation_positions(self, node: Node) -> Iterator[tuple[object, object]]:
        """Yield statements that are a call and no more."""
        alone = node.type == "atom_expr" and node.parent.type == "simple_stmt"
        if alone and node.children[-1].type == "trailer" and node.children[-1].children[0].value == "(":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Node, index: int) -> Node:  # noqa: ARG002
        """Do nothing there."""
        return Name("pass", node.start_pos, prefix=node.get_first_leaf().prefix)

    @classmethod
    def examples(cls) -> Sequence[object]:
        """None."""
        return ()


class DropKeyword(Operator):  # type: ignore[misc]
    """Leave out a keyword argument, so that its default holds: what was asked for does not arrive."""

    def mutation_positions(self, node: Node) -> Iterator[tuple[object, object]]:
        """Yield `name=value` among a call's arguments."""
        if node.type == "argument" and len(node.children) == 3 and node.children[1].value == "=":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Node, index: int) -> Node:  # noqa: ARG002
        """Put nothing there, unpacked."""
        return Name("**{}", node.start_pos, prefix=node.get_first_leaf().prefix)

    @classmethod
    def examples(cls) -> Sequence[object]:
        """None."""
        return ()


class _Selective(Operator):  # type: ignore[misc]
    """An operator that leaves alone what no test is for."""

    def __init__(self, inner: Operator) -> None:
        self.inner = inner

    def mutation_positions(self, node: Node) -> Iterator[tuple[object, object]]:
        """Yield the inner operator's places, if they count."""
        places = list(self.inner.mutation_positions(node))
        if places and not _untouched(node):
            yield from places

    def mutate(self, node: Node, index: int) -> Node:
        """Do what the inner operator does."""
        return self.inner.mutate(node, index)

    @classmethod
    def examples(cls) -> Sequence[object]:
        """None."""
        return ()


def _untouched(node: Node) -> bool:
    """Whether the node is in an annotation, a decorator, a message or an assertion, or is about printing."""
    child = node
    while (parent := child.parent) is not None:
        if parent.type in _UNTOUCHED or _is_shown(child):
            return True
        if child is node and parent.type in ("parameters", "lambdef"):
            return True  # the bare * and / among parameters are no operators
        if parent.type == "annassign" and child is parent.children[1]:
            return True
        if parent.type == "funcdef" and child is parent.annotation:
            return True
        if parent.type in ("atom_expr", "power") and parent.get_code().lstrip().startswith(
            ("warnings.warn", "say(")
        ):
            return True
        child = parent
    return False


def _is_shown(node: Node) -> bool:
    return node.type == "argument" and getattr(node.children[0], "value", "") in _SHOWN


OPERATORS: dict[str, Operator] = {
    **{name: _Selective(get_operator(f"core/{name}")()) for name in _COSMIC},
    **{kind.__name__: _Selective(kind()) for kind in (SwapName, ScaleNumber, DropCall, DropKeyword)},
}


def places(source: str) -> list[tuple[str, int]]:
    """Return (operator, which of its places) for everything that can be changed in a module."""
    tree = get_ast(source)
    nodes = list(ast_nodes(tree))
    return [
        (name, place)
        for name, operator in OPERATORS.items()
        for place in range(sum(1 for node in nodes for _ in operator.mutation_positions(node)))
    ]


def changed(source: str, operator: str, place: int) -> str | None:
    """Return the module with one place changed; None where what results is no Python, or the same."""
    result = mutate_code(source, OPERATORS[operator], place)
    if result is None or result == source:
        return None
    try:
        compile(result, "mutant", "exec")
    except (SyntaxError, ValueError):
        return None
    return str(result)

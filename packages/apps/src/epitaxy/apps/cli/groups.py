"""Options that several commands share are described once, in a dataclass."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command have dataclasses among its parameters: their fields become its options.

    A field is annotated as a Typer option is. On the command line the options of all groups and the command's
    own stand side by side, those that must be given first; the command gets one object a group.
    """
    hints = get_type_hints(command, include_extras=True)
    own = signature(command).parameters
    groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)}
    options: list[Parameter] = []
    for name, parameter in own.items():
        if name in groups:
            options += _of_group(groups[name])
        else:
            options.append(
                Parameter(name, Parameter.KEYWORD_ONLY, default=parameter.default, annotation=hints[name])
            )
    options.sort(key=lambda option: option.default is not Parameter.empty)

    @wraps(command)
    def called(**words: Any) -> None:
        made = {name: group(**_taken(words, group)) for name, group in groups.items()}
        command(**{name: words[name] for name in own if name not in groups}, **made)

    called.__signature__ = Signature(options)  # type: ignore[attr-defined]  # what Typer reads
    called.__annotations__ = {option.name: option.annotation for option in options}
    return called


def _of_group(group: type) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(field.name, Parameter.KEYWORD_ONLY, default=_default(field), annotation=hints[field.name])
        for field in fields(group)
    ]


def _default(field: Field[Any]) -> Any:
    return Parameter.empty if field.default is MISSING else field.default


def _taken(words: Mapping[str, Any], group: type) -> dict[str, Any]:
    return {field.name: words[field.name] for field in fields(group)}

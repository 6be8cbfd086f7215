"""A device that is none: CPU values that say they are elsewhere, to find without a GPU what would fail on it.

Tensors made on the wrong device and operations that make the host wait are seen on a CPU build of torch.
Values are real, so that results must equal the CPU's, and code that looks at values runs (torch's
FakeTensorMode ends at the first one). What it cannot show: kernels that a real device lacks, their rounding,
speed.

It leans on torch's hooks for out-of-tree backends, of which some are private: pinned with torch itself.
"""

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

_NAME = "pretended"
_WAITS = frozenset(
    {
        "_local_scalar_dense",
        "item",
        "equal",
        "is_nonzero",
        "nonzero",
        "argwhere",
        "masked_select",
        "bincount",
        "_unique",
        "_unique2",
        "unique_dim",
        "unique_consecutive",
        "_linalg_check_errors",
    }
)
"""Operations whose result, or its size, the host must know before it goes on."""
_COPIES = ("_to_copy", "copy_")


class _Backend(backend_registration._DummyBackendModule):
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]

    def is_autocast_enabled(self) -> bool:
        return False


def _registered() -> torch.device:
    """Register the device's name, once a process, with a guard that does nothing."""
    if torch._C._get_privateuse1_backend_name() != _NAME:
        backend_registration._setup_privateuseone_for_python_backend(_NAME, backend_module=_Backend())
    return torch.device(_NAME, 0)


PRETENDED = _registered()
"""The device."""
_WATCHERS: list["Watching"] = []


class OnDevice(Tensor):
    """A tensor on the pretended device; `values` are its values, on the CPU."""

    values_: Tensor

    @staticmethod
    def __new__(cls, values: Tensor) -> Any:  # "OnDevice", but a name in a string is checked slowly in tests
        """Wrap values, which are shared and not copied."""
        made = Tensor._make_wrapper_subclass(
            cls,
            values.size(),
            strides=values.stride(),
            storage_offset=values.storage_offset(),
            dtype=values.dtype,
            device=PRETENDED,
        )
        made.values_ = values
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]  # a class method in subclasses
        """Run on the values, watched or not."""
        return (_WATCHERS[-1] if _WATCHERS else Watching()).run(func, args, kwargs or {})

    def tolist(self) -> Any:
        """Return the values; the host waits for them."""
        if _WATCHERS:
            _WATCHERS[-1].waits[f"tolist @ {_where()}"] += 1
        return self.values_.tolist()

    def __repr__(self) -> str:  # type: ignore[override]  # torch has a private word there
        return f"OnDevice({self.values_})"


class Watching(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Within it the device exists, and what is done there is noted, as `operation @ file:line` of a package.

    Not for `torch.inference_mode`, within which torch lets no mode make views; `torch.no_grad` serves.

    Attributes:
        mixed: operations whose tensors are not all on one device; on a real one they fail.
        waits: operations for which the host waits until the device has done all it was given: of a value or a
            size that depends on values, and blocking copies either way.

    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.mixed: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()

    def __enter__(self) -> "Watching":
        _WATCHERS.append(self)
        self._lift = torch._C._only_lift_cpu_tensors()
        torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(..., device=) then goes through the mode
        super().__enter__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return self

    def __exit__(self, *raised: Any) -> None:
        _WATCHERS.pop()
        torch._C._set_only_lift_cpu_tensors(self._lift)
        super().__exit__(*raised)  # type: ignore[no-untyped-call]  # torch leaves it untyped

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operation."""
        return self.run(func, args, kwargs or {})

    def run(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Note an operation, run it on the values, and say where its result is."""
        name = func._schema.name.removeprefix("aten::")
        tensors = _tensors(args, kwargs)
        here = [x for x in tensors if isinstance(x, OnDevice)]
        device = kwargs.get("device")
        onto = device is not None and torch.device(device).type == PRETENDED.type
        if here:
            self._note_mixed(name, args, tensors)
        if here or onto:
            self._note_waits(name, args, kwargs, onto=onto)
        plain_args = _mapped(values, args)
        plain = dict(zip(kwargs, _mapped(values, kwargs.values()), strict=True))
        if device is not None:
            plain["device"] = torch.device("cpu")
        with torch._C._DisableTorchDispatch():
            out = func(*plain_args, **plain)
        stays = isinstance(args[0], OnDevice) if name in _COPIES else bool(here)
        if not (onto or (device is None and stays)):
            return out
        [out] = _mapped(OnDevice, [out])
        return return_and_correct_aliasing(func, args, kwargs, out) if here and not onto else out  # type: ignore[no-untyped-call]  # torch leaves it untyped

    def _note_mixed(self, name: str, args: Any, tensors: list[Tensor]) -> None:
        # A tensor without dimensions is a number to an operation; so is a CPU index to a tensor on a device.
        foreign = [x for x in tensors if not isinstance(x, OnDevice) and x.dim() > 0]
        indexed = name.startswith("index") and isinstance(args[0], OnDevice)
        if foreign and name not in _COPIES and not indexed:
            self.mixed[f"{name} @ {_where()}"] += 1

    def _note_waits(self, name: str, args: Any, kwargs: Any, *, onto: bool) -> None:
        indices = args[1] if name.startswith("index") and len(args) > 1 else None
        listed = (
            [i for i in indices or () if isinstance(i, Tensor)] if isinstance(indices, list | tuple) else []
        )
        looked_up = any(i.dtype == torch.bool or not isinstance(i, OnDevice) for i in listed)
        ragged = name == "repeat_interleave" and kwargs.get("output_size") is None
        if name in _COPIES:
            # From pinned memory or not, a copy that says it need not block does not make the host wait.
            source = args[1] if name == "copy_" else args[0]
            target = isinstance(args[0], OnDevice) if name == "copy_" else onto or _unmoved(source, kwargs)
            crosses = target != isinstance(source, OnDevice) and source.numel() > 0
            to_device = target and (kwargs.get("non_blocking") or True in args[2:3])
            if crosses and not to_device:
                self.waits[f"{name} @ {_where()}"] += 1
        elif name in _WAITS or looked_up or ragged:
            self.waits[f"{name} @ {_where()}"] += 1


def _tensors(args: Any, kwargs: Any) -> list[Tensor]:
    """Return the tensors among an operation's arguments, alone or in lists, which hold no lists."""
    found = []
    for x in (*args, *kwargs.values()):
        if isinstance(x, Tensor):
            found.append(x)
        elif isinstance(x, tuple | list):
            found += [part for part in x if isinstance(part, Tensor)]
    return found


def _mapped(change: Callable[[Tensor], Tensor], words: Any) -> list[Any]:
    """Return arguments or results with every tensor changed: torch's own way takes ten times as long."""
    return [
        change(x)
        if isinstance(x, Tensor)
        else type(x)([change(part) if isinstance(part, Tensor) else part for part in x])
        if isinstance(x, tuple | list)
        else x
        for x in words
    ]


def _unmoved(source: Tensor, kwargs: Any) -> bool:
    return kwargs.get("device") is None and isinstance(source, OnDevice)


def _where() -> str:
    """File and line of the package's code that called."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        name = frame.f_code.co_filename
        if "/epitaxy/" in name and name != __file__:
            return f"{name.rpartition('/epitaxy/')[2]}:{frame.f_lineno}"
        frame = frame.f_back
    return "elsewhere"


class PretendedGenerator(torch.Generator):
    """A generator of numbers on the pretended device: those of a CPU generator of the same seed."""

    @property
    def device(self) -> torch.device:  # type: ignore[override]  # torch has no type for it
        """The pretended device."""
        return PRETENDED


def put(x: Tensor) -> OnDevice:
    """Copy a tensor there, unnoted."""
    copy: OnDevice = OnDevice(x.detach().clone())
    return copy


def values(x: Tensor) -> Tensor:
    """Return a tensor's values, unnoted, wherever it is."""
    return x.values_ if isinstance(x, OnDevice) else x

"""Map a task over items whose outcomes are kept, so that nothing is computed twice."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from epitaxy.eval.isolation import Done, Failed, Progress, stream_isolated
from epitaxy.eval.resumable.store import Store

Item = TypeVar("Item")
JsonValue: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any] | None
"""What ``json.dumps`` takes, tuples excepted; every float in it finite."""

Stream: TypeAlias = Callable[[Sequence[Item]], Iterator[tuple[int, Done[JsonValue] | Failed]]]
"""Does all items in its own way, and yields the number of each and what came of it, as they end."""

SAVE_EVERY = 60.0
"""Seconds after which finished outcomes are saved even if they do not fill a chunk."""


def resume_map(
    task: Callable[[Item], JsonValue],
    items: Sequence[Item],
    *,
    keys: Sequence[str],
    name: str,
    version: int = 1,
    parameters: Mapping[str, JsonValue] | None = None,
    known: Mapping[str, JsonValue] | None = None,
    cache: Path | None = None,
    workers: int | str = 0,
    limit: float | None = None,
    chunk: int = 64,
    retry: bool = False,
    until: float | None = None,
    progress: Progress | None = None,
    stream: Stream[Item] | None = None,
) -> list[Done[JsonValue] | Failed]:
    """Apply ``task`` to every item, keep what came of each, and compute only what is not kept already.

    Each finished chunk becomes a file of JSON lines, whole or not there at all. Killed at any moment and
    called again, this returns what it would have returned, and has lost at most a chunk or
    :data:`SAVE_EVERY` seconds of finished work, whichever is less. A result is passed through JSON whether
    it is kept or not, so that the first call returns what the second does. Items with the same key are
    computed once.

    Kept are results, errors, and time limits reached (an answer again only under a limit no longer than the
    one they were reached under). An item whose process died is tried again next time: the cause may have been
    the machine.

    Args:
        task: A picklable callable (importable by name when there are workers) that depends on nothing but the
            item and ``parameters``; it returns a JSON value.
        items: What to apply it to; picklable when there are workers.
        keys: One an item: a name for its content, as :func:`structure_key` and :func:`joint_key` make them.
        name: Names the task among those kept in ``cache``: lower-case letters, digits, ``_``, ``.``, ``-``.
        version: Of the task: raise it whenever its results change, and nothing kept before is used.
        parameters: All else that the results depend on (tolerances, a model's checksum): other parameters,
            other results. They name what is kept and are not passed to ``task``.
        known: Results that are known beforehand, by key; they are neither computed nor kept.
        cache: The folder to keep outcomes in, made if need be, shared by all tasks; None keeps nothing.
        workers: A number of worker processes, 0 for this process (see :func:`map_isolated`); or a Dask
            scheduler's address such as ``tcp://host:8786``. The outcomes do not depend on it.
        limit: Wall-clock seconds for one item; None for no limit.
        chunk: How many outcomes to save at once.
        retry: Whether to compute again what failed before.
        until: Time of :func:`time.monotonic` after which nothing more is computed; None for none. What is
            kept already takes no time.
        progress: Called as ``progress(done, total)``, first with what was kept, if anything, then after each
            item.
        stream: What does the work in place of ``task`` and ``workers``, to the same outcomes, under ``limit``
            and ``until``.

    Returns:
        One outcome an item, in the items' order.

    Raises:
        ValueError: If keys and items differ in number, the name or a setting makes no sense, or the cache
            cannot be used.
        TypeError: If the task returns what is no JSON value.
        ImportError: If an address is given and Dask is not installed.
        RuntimeError: If no worker can start, or no scheduler answers at the address.
        TimeoutError: If ``until`` came before the last outcome; those that were done are kept.

    """
    _check(len(items), keys, workers, limit, chunk)
    store = None if cache is None else Store(cache, name, version, parameters or {})
    found: dict[str, Done[JsonValue] | Failed]
    found = {} if store is None else store.read(set(keys), limit, retry=retry)
    found |= {key: Done(value=value) for key, value in (known or {}).items()}
    first = {key: number for number, key in reversed(list(enumerate(keys)))}
    todo = [key for key in dict.fromkeys(keys) if key not in found]
    weights, done = Counter(keys), sum(key in found for key in keys)
    if progress is not None and done:
        progress(done, len(items))
    left = [items[first[key]] for key in todo]
    ended = _stream(task, left, workers, limit, until) if stream is None else stream(left)
    for key, outcome in _saved(((todo[n], _plain(o)) for n, o in ended), store, limit, chunk):
        found[key] = outcome
        done += weights[key]
        if progress is not None:
            progress(done, len(items))
    if done < len(items):
        raise TimeoutError(f"{len(items) - done} of {len(items)} were not done in time")
    return [found[key] for key in keys]


def _check(items: int, keys: Sequence[str], workers: int | str, limit: float | None, chunk: int) -> None:
    if len(keys) != items:
        raise ValueError(f"{items} items need as many keys, not {len(keys)}")
    if (isinstance(workers, int) and workers < 0) or (limit is not None and limit <= 0) or chunk < 1:
        raise ValueError(
            f"workers must be 0 or more, the limit positive and chunk at least 1, not {workers}, {limit} and "
            f"{chunk}"
        )


def _stream(
    task: Callable[[Item], JsonValue],
    items: Sequence[Item],
    workers: int | str,
    limit: float | None,
    until: float | None,
) -> Iterator[tuple[int, Done[JsonValue] | Failed]]:
    if isinstance(workers, int) or not items:
        number = 0 if isinstance(workers, str) else workers
        return stream_isolated(task, items, workers=number, limit=limit, until=until)
    from epitaxy.eval.resumable.cluster import stream_cluster  # Dask is heavy, and an extra

    return _ended(stream_cluster(task, items, address=workers, limit=limit), until)


def _ended(
    stream: Iterator[tuple[int, Done[JsonValue] | Failed]], until: float | None
) -> Iterator[tuple[int, Done[JsonValue] | Failed]]:
    """Pass a stream on until a time, that which came last included."""
    for outcome in stream:
        yield outcome
        if until is not None and time.monotonic() >= until:
            return


def _plain(outcome: Done[JsonValue] | Failed) -> Done[JsonValue] | Failed:
    """Pass a result through JSON: what is kept is what is returned."""
    if isinstance(outcome, Failed):
        return outcome
    try:
        return Done(value=json.loads(json.dumps(outcome.value, allow_nan=False)))
    except ValueError:
        return Failed(kind="error", reason="its result holds a number that is not finite")


def _saved(
    stream: Iterator[tuple[str, Done[JsonValue] | Failed]],
    store: Store | None,
    limit: float | None,
    chunk: int,
) -> Iterator[tuple[str, Done[JsonValue] | Failed]]:
    """Pass a stream on, and save it chunk by chunk; what is left when it ends, in whatever way, as well."""
    pending: dict[str, Done[JsonValue] | Failed] = {}
    saved = time.monotonic()
    try:
        for key, outcome in stream:
            pending[key] = outcome
            if store is not None and (len(pending) >= chunk or time.monotonic() > saved + SAVE_EVERY):
                store.write(pending, limit)
                pending, saved = {}, time.monotonic()
            yield key, outcome
    finally:
        if store is not None:
            store.write(pending, limit)

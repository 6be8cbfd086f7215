"""The work of :func:`epitaxy.eval.isolation.stream_isolated` on a Dask cluster.

Each thread of a Dask worker keeps one isolated process of its own for as long as the work lasts, so there as
here an item that hangs or crashes costs only itself; Dask deals with machines that come and go.
"""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from multiprocessing import current_process
from typing import Any, TypeVar

from epitaxy.eval.isolation import Done, Failed, stream_isolated
from epitaxy.eval.isolation.pool import LARGEST_CHUNK
from epitaxy.eval.isolation.worker import Worker

Item = TypeVar("Item")
Result = TypeVar("Result")

CONNECT_LIMIT = 20.0
"""Seconds within which the scheduler must answer, and again within which a worker must be there."""

_benches: dict[int, tuple[str, list[Worker[Any, Any]]]] = {}
"""On a Dask worker: of each of its threads, whose work it does, and its isolated process."""


def stream_cluster(
    task: Callable[[Item], Result], items: Sequence[Item], *, address: str, limit: float | None
) -> Iterator[tuple[int, Done[Result] | Failed]]:
    """Give (number of the item, outcome) as they come from the workers of a Dask scheduler, each item once.

    Raises:
        ImportError: If Dask is not installed.
        RuntimeError: If the scheduler does not answer, has no workers, is lost, or its workers cannot run the
            task.

    """
    client = _connect(address)
    token = uuid.uuid4().hex
    try:
        yield from _Dispatch(client, address, token, task, limit).run(items)
    finally:
        with suppress(OSError, RuntimeError):  # a cluster that is gone keeps nothing
            client.run(_dismiss, token)
        client.close()


def _connect(address: str) -> Any:
    try:
        import distributed
    except ImportError as error:
        raise ImportError(
            "a scheduler's address asks for Dask: pip install distributed, or give a number of workers"
        ) from error
    try:
        client: Any = distributed.Client(  # type: ignore[no-untyped-call]  # Dask left it unannotated
            address, timeout=CONNECT_LIMIT, set_as_default=False
        )
    except (OSError, ValueError) as error:
        raise RuntimeError(
            f"no Dask scheduler answers at {address}; start one with `dask scheduler`, or correct the address"
        ) from error
    try:
        client.wait_for_workers(1, timeout=CONNECT_LIMIT)
    except TimeoutError as error:
        client.close()
        raise RuntimeError(
            f"the Dask scheduler at {address} has no workers; start some with `dask worker {address}`"
        ) from error
    return client


class _Dispatch:
    """Chunks of numbered items on their way to a cluster and back."""

    def __init__(
        self,
        client: Any,
        address: str,
        token: str,
        task: Callable[[Any], Any],
        limit: float | None,
    ) -> None:
        self.client, self.address, self.token, self.task, self.limit = client, address, token, task, limit
        self.chunks: dict[str, list[tuple[int, Any]]] = {}

    def run(self, items: Sequence[Any]) -> Iterator[tuple[int, Done[Any] | Failed]]:
        """Yield (number, outcome), keeping as many chunks under way as the cluster has threads, twice."""
        from distributed import as_completed

        lanes = max(1, sum(self.client.nthreads().values()))
        size = max(1, min(LARGEST_CHUNK, len(items) // (8 * lanes)))
        numbered = list(enumerate(items))
        waiting = iter([numbered[n : n + size] for n in range(0, len(numbered), size)])
        under_way: Any = as_completed(  # type: ignore[no-untyped-call]  # Dask left it unannotated
            [self._submit(chunk) for chunk in islice(waiting, 2 * lanes)], loop=self.client.loop
        )
        for future in under_way:
            again: list[list[tuple[int, Any]]] = []
            chunk = self.chunks.pop(future.key)
            if future.status == "finished":
                numbers = [number for number, _ in chunk]
                yield from ((numbers[n], outcome) for n, outcome in future.result())
            elif not self._machine_died(future):
                raise self._complaint(future)
            elif len(chunk) == 1:
                yield chunk[0][0], Failed(kind="crash", reason="the Dask workers that had it died")
            else:
                again = [[item] for item in chunk]
            again += [c for c in [next(waiting, None)] if c is not None]
            for each in again:
                under_way.add(self._submit(each))

    def _submit(self, chunk: list[tuple[int, Any]]) -> Any:
        items = [item for _, item in chunk]
        future = self.client.submit(_work_chunk, self.token, self.task, items, self.limit, pure=False)
        self.chunks[future.key] = chunk
        return future

    @staticmethod
    def _machine_died(future: Any) -> bool:
        from distributed.scheduler import KilledWorker

        return future.status == "error" and isinstance(future.exception(), KilledWorker)

    def _complaint(self, future: Any) -> RuntimeError:
        if future.status != "error":
            return RuntimeError(
                f"the Dask scheduler at {self.address} was lost; start it, and run this again"
            )
        why = " ".join(str(future.exception()).split())[:200]
        return RuntimeError(
            f"the Dask workers at {self.address} cannot run the task ({why}); install the "
            f"same packages there as here"
        )


def _work_chunk(
    token: str, task: Callable[[Any], Any], items: list[Any], limit: float | None
) -> list[tuple[int, Done[Any] | Failed]]:
    """On a Dask worker: do a chunk in this thread's isolated process."""
    if current_process().daemon:  # as Dask's nannies start theirs; such a process may have no children
        current_process().daemon = False
    thread = threading.get_ident()
    owner, bench = _benches.get(thread, ("", []))
    if owner != token:
        _stop(bench)
        owner, bench = _benches[thread] = (token, [])
    return list(stream_isolated(task, items, workers=1, limit=limit, bench=bench))


def _dismiss(token: str) -> None:
    """On a Dask worker: stop the isolated processes of work that is done."""
    for thread, (owner, bench) in list(_benches.items()):
        if owner == token:
            _benches.pop(thread, None)
            _stop(bench)


def _stop(bench: list[Worker[Any, Any]]) -> None:
    while bench:
        bench.pop().stop()

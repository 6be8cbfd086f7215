"""One boundary for every record: whatever goes wrong within it becomes the reason to refuse it."""

from collections.abc import Iterator
from contextlib import contextmanager

from epitaxy.data._records import brief
from epitaxy.data.errors import UnusableRecordError


@contextmanager
def record_boundary() -> Iterator[None]:
    """Turn any error of the block into an `UnusableRecordError`, with its cause.

    A list of the errors that a parser may raise always misses some.
    """
    try:
        yield
    except UnusableRecordError:
        raise
    except Exception as error:
        raise UnusableRecordError(
            f"it cannot be read ({type(error).__name__}: {brief(error)}); correct or drop the record"
        ) from error

"""Mapping a task over structures so that one that hangs or crashes costs only itself."""

from epitaxy.eval.isolation.attempt import Done, Failed
from epitaxy.eval.isolation.pool import Progress, map_isolated, stream_isolated

__all__ = ["Done", "Failed", "Progress", "map_isolated", "stream_isolated"]

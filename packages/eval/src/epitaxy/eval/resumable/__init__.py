"""Long work in chunks that survives a kill, in local processes or on a Dask cluster."""

from epitaxy.eval.isolation import Done, Failed, Progress
from epitaxy.eval.resumable.keys import joint_key, structure_key
from epitaxy.eval.resumable.run import JsonValue, Stream, resume_map

__all__ = [
    "Done",
    "Failed",
    "JsonValue",
    "Progress",
    "Stream",
    "joint_key",
    "resume_map",
    "structure_key",
]

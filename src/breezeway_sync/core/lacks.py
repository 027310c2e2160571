"""Resources that the process itself can lack: memory, threads, descriptors.

The work that needs them fails for a while.
"""

from __future__ import annotations

import errno

LACKING = "this process had no memory, thread or descriptor for it"

# CPython has no error of its own for it.
_NO_THREAD = "can't start new thread"
_LACKS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})


def is_lack(error: BaseException) -> bool:
    """Whether this error, or the one that it came from, says so."""
    seen: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in seen:
        if _is_lack(link):
            return True
        seen.append(link)
        link = link.__cause__
    return False


def _is_lack(error: BaseException) -> bool:
    if isinstance(error, RuntimeError):
        return _NO_THREAD in str(error)
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _LACKS)

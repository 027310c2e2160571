"""The command itself, which tells on SIGUSR1 how many objects it holds: `python -m tests.soak.counted FILE ARGUMENTS`.

Memory that was freed may stay with the process; a block of Python's that is in use is one that somebody keeps.
"""

from __future__ import annotations

import gc
import signal
import sys
from pathlib import Path

from breezeway_sync.cli.main import main


def tell(path: Path) -> None:
    """Write the number of blocks in use, the garbage taken away; the file is there only when it is whole."""
    gc.collect()
    part = path.with_suffix(".part")
    part.write_text(str(sys.getallocatedblocks()), encoding="utf-8")
    part.rename(path)


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    signal.signal(signal.SIGUSR1, lambda _number, _frame: tell(file))
    main()

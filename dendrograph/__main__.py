"""`python -m dendrograph` is `dendrograph`: the process from its first import to its end."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line. However often and whenever Ctrl-C is pressed, no traceback is shown."""
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupt)
        from dendrograph.cli.main import main as run

        run()
    except KeyboardInterrupt:  # while it was imported, or once more while it was told
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left is the interpreter's own end


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Ctrl-C. While a module is imported it ends the process: C++ code of PyTorch aborts at an error there."""
    within = frame
    while within:
        if within.f_code.co_filename == "<frozen importlib._bootstrap>":
            os.write(2, b"interrupted\n")
            os._exit(130)
        within = within.f_back
    signal.default_int_handler(number, frame)


if __name__ == "__main__":
    main()

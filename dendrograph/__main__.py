"""`python -m dendrograph` is `dendrograph`: the process from its first import to its end."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line. However often and whenever Ctrl-C is pressed, no traceback is shown."""
    try:
        from dendrograph.cli import main as run

        run()
    except KeyboardInterrupt:  # while it was imported, or once more while it was told
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left is the interpreter's own end


if __name__ == "__main__":
    main()

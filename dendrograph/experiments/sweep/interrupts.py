"""The stop of a batch system, answered as Ctrl-C is."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def termination_as_ctrl_c() -> Iterator[None]:
    """Within it SIGTERM is answered as Ctrl-C is: the workers end, and the user is told how to go on."""
    if threading.current_thread() is not threading.main_thread():  # no other may say who answers
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

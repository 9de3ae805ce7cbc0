"""What all pictures share: a scene in millimetres, its layout, and the renderer that turns it into matplotlib artists.

Importing this package imports matplotlib, also where MPLBACKEND names a backend that is not installed. A notebook sets
MPLBACKEND for all processes that it starts, and matplotlib then refuses to be imported. Figures here become files, for
which no backend is needed; a backend that is installed stays as the caller has chosen it.
"""

import os
import sys
from contextlib import suppress

if "matplotlib" not in sys.modules:
    _backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if _backend is not None:
            os.environ["MPLBACKEND"] = _backend
    if _backend:
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = _backend

"""What only a fresh process can tell: peak memory and the time to the first batch, one side at a time.

    python benchmarks/fresh.py memory SIDE MODEL DENDRITES SOMATA
    python benchmarks/fresh.py first SIDE MODEL DENDRITES SOMATA

Prints one line of JSON. The suite starts it by `in_fresh_process`.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cases import Case

CLEAR_REFS, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
RESET_PEAK = "5"  # what Linux takes for: the peak is what is resident now
STEPS = 5


class Unmeasurable(Exception):
    """This machine cannot tell, or the process has failed; the text says why."""


def in_fresh_process(what: str, side: str, case: Case) -> dict[str, Any]:
    """Run this file for one side and read what it prints."""
    command = [sys.executable, __file__, what, side, case.model, str(case.dendrites), str(case.somata)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise Unmeasurable(f"{side} at {case.name}: ended with status {done.returncode}: {last[0]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure what the command line asks for."""
    what, name, model, dendrites, somata = sys.argv[1:]
    from sides import SIDES, missing

    side = SIDES[name]
    if why := missing(side):
        raise SystemExit(why)
    case = Case(f"{dendrites}x{somata}", model, int(dendrites), int(somata))
    print(json.dumps(_memory(side, case) if what == "memory" else _first(side, case)))


def _first(kind: Any, case: Case) -> dict[str, float]:
    """Seconds from the end of the imports to the first loss: wiring, network, optimizer, one forward pass."""
    import torch
    from cases import batch
    from torch.nn.functional import cross_entropy

    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])  # the first optimizer imports more; those are imports too
    x, y = batch()
    start = time.perf_counter()
    graph = case.graph()
    compiled = time.perf_counter()
    loss = cross_entropy(kind(graph).forward(x), y).item()
    end = time.perf_counter()
    return {"seconds": end - start, "graph_seconds": compiled - start, "loss": loss}


def _memory(kind: Any, case: Case) -> dict[str, float]:
    """Peak resident bytes of wiring, network and some training steps, beyond what was there before.

    A step of a tiny network of the same kind comes first: it loads what libraries load at first use.
    """
    from cases import batch

    if not CLEAR_REFS.exists():
        raise SystemExit("peak memory is read from Linux's /proc, which is not there")
    batches = [batch(number) for number in range(STEPS)]
    kind(Case("warm-up", case.model, 1, 2).graph()).step(*batches[0])
    gc.collect()
    try:
        CLEAR_REFS.write_text(RESET_PEAK)
    except OSError as error:
        raise SystemExit(f"the peak of memory cannot be reset: {error.strerror}") from None
    baseline = resident("VmRSS")
    start = time.perf_counter()
    side = kind(case.graph())
    seconds = time.perf_counter() - start
    compiled = resident("VmHWM")
    for x, y in batches:
        side.step(x, y)
    peak = resident("VmHWM")
    return {
        "baseline": baseline,
        "peak": peak,
        "beyond": peak - baseline,
        "beyond_compiled": compiled - baseline,
        "compile_seconds": seconds,
    }


def resident(field: str) -> int:
    """Bytes that are resident now (VmRSS) or were at the peak (VmHWM)."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return 1024 * int(line.split()[1])
    raise SystemExit(f"{STATUS} has no {field}")


if __name__ == "__main__":
    main()

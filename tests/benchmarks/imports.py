"""Suite ``import``: what it costs to have the library at all."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial

from .case import BARE, Case

MODULES = {BARE: "aiohttp"}
PROGRAM = """
import json, resource, sys, time
def resident():
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
    except OSError:  # not Linux: the peak, which is in kB or, on macOS, in bytes
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
before, start = resident(), time.process_time()
__import__(sys.argv[1])
print(json.dumps({"cpu": (time.process_time() - start) * 1e3, "memory": resident() - before}))
"""


def load(side: str, size: int, *, what: str) -> float:
    """Import the library `size` times, each in a fresh interpreter; the lowest figure counts."""
    command = [sys.executable, "-c", PROGRAM, MODULES.get(side, side)]
    runs = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(size + 1)]
    return min(float(run[what]) for run in runs[1:])  # the first one may have had to compile


CASES = [
    Case("import", f"import, {name}", unit, (5, 3, 1), partial(load, what=what))
    for what, name, unit in (("cpu", "CPU time", "ms"), ("memory", "memory", "MiB"))
]

"""Two inputs on one branch and on two, where branches spike (nmda) and where they saturate (sublinear).

python examples/stimulation.py [FIGURE.png]
"""

import sys
from pathlib import Path

from dendrograph import compile, load
from dendrograph.analysis.stimulate import stimulate
from dendrograph.draw.canvas.figure import as_bytes, form_of
from dendrograph.draw.plots.stimulation import stimulation_figure

pairs = ["nmda[0]+nmda[0]", "nmda[0]+nmda[1]", "sublinear[0]+sublinear[0]", "sublinear[0]+sublinear[1]"]
graph = compile(load(Path(__file__).parent / "thin_and_passive.yaml"), inputs=(28, 28))
result = stimulate(graph, at=pairs, amplitudes=[step / 40 for step in range(41)])
for row in result.table:
    if row["amplitude"] == 0.5:
        measured, total = row["measured"], row["arithmetic_sum"]
        print(f"{row['sites']}, {row['kind']}: measured {measured:.3f}, arithmetic sum {total:.3f}")
if len(sys.argv) > 1:
    figure = Path(sys.argv[1])
    figure.write_bytes(as_bytes(stimulation_figure(result.table), form_of(figure)))

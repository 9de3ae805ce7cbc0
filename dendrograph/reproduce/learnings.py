"""Tasks learnt in turn by a network and its controls, as a file of examples/reproduce says."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

from ruamel.yaml import YAML

from dendrograph import atomic
from dendrograph.continual import learn_by_name
from dendrograph.controls import controls
from dendrograph.data import load as load_data
from dendrograph.morphology import load
from dendrograph.progress import clock


def learn_all(file: Path, place: Path, data_dir: Path | None, progress: bool) -> tuple[list[Path], str]:
    """Learnings one after the other, each in a folder of its own; those that have ended are left as they are.

    Gives their folders, and the name of the model to which the others are held.
    """
    plan = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    data = load_data(plan["data"], data_dir)
    files: dict[str, str] = {}
    for name in plan["morphologies"]:
        files[name] = name
        tree = load(name, plan["set"])
        for control, made in controls(tree, data.shapes, data.classes, plan["controls"].get(name, [])).items():
            path = place / "continual" / f"{name}-{control}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(path, made.to_yaml())
            files[f"{name}-{control}"] = str(path)
    folders: list[Path] = []
    combinations = list(itertools.product(plan["scenarios"], files.items(), range(plan["seeds"])))
    began = time.monotonic()
    for (protocol, scenario), (name, morphology), seed in combinations:
        out = place / "continual" / f"{protocol}-{scenario}-{name}-seed{seed}"
        if progress:
            left = (time.monotonic() - began) / max(len(folders), 1) * (len(combinations) - len(folders))
            remaining = f", {clock(left)} left" if folders else ""
            print(f"[{len(folders) + 1}/{len(combinations)}] {out.name}{remaining}", flush=True)
        learn_by_name(
            morphology,
            plan["data"],
            data_dir,
            protocol,
            plan["tasks"],
            scenario,
            settings={**plan["train"], "seed": seed},
            set=plan["set"] if morphology == name else None,
            out=out,
            resume=True,
            progress=False,
        )
        folders.append(out)
    return folders, plan["reference"]

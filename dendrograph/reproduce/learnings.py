"""Tasks learnt in turn by a network and its controls, as a file of examples/reproduce says."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from ruamel.yaml import YAML

from dendrograph import atomic
from dendrograph.continual import learn_by_name
from dendrograph.controls import controls
from dendrograph.data import load as load_data
from dendrograph.morphology import load
from dendrograph.progress import told


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
    learnings = [
        (place / "continual" / f"{protocol}-{scenario}-{name}-seed{seed}", protocol, scenario, name, seed)
        for (protocol, scenario), name, seed in itertools.product(plan["scenarios"], files, range(plan["seeds"]))
    ]
    for out, protocol, scenario, name, seed in (
        told(learnings, lambda learning: learning[0].name, sys.stdout) if progress else learnings
    ):
        learn_by_name(
            files[name],
            plan["data"],
            data_dir,
            protocol,
            plan["tasks"],
            scenario,
            settings={**plan["train"], "seed": seed},
            set=plan["set"] if files[name] == name else None,
            out=out,
            resume=True,
            progress=False,
        )
    return [learning[0] for learning in learnings], plan["reference"]

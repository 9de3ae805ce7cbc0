"""The axes of a sweep: what its file says of knobs, settings of the training, seeds and controls, as choices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import fields

from dendrograph.base.errors import DendrographError
from dendrograph.base.suggestions import did_you_mean
from dendrograph.comparison.conditions import CONTROLS
from dendrograph.experiments.sweep.choices import MOST_CELLS, Choice, Choices, many, refuse_too_many
from dendrograph.morphology.document import Document
from dendrograph.morphology.morphology import Morphology
from dendrograph.morphology.overrides import can_override
from dendrograph.morphology.validation import Cursor
from dendrograph.training.config import TrainConfig

SETTINGS = tuple(item.name for item in fields(TrainConfig) if item.name != "seed")
LARGEST_SEED = 2**32 - 1


def knobs(layers: Sequence[tuple[Cursor, Sequence[Document]]]) -> list[Choices]:
    """All settings of the knobs: each mapping is a grid, a list of mappings is one grid after the other.

    Mappings of several layers are crossed, and the later one wins. Each layer has the documents that it is for: a knob
    that none of them has is a fault.
    """
    mappings: list[list[tuple[Cursor, Sequence[Document]]]] = [[]]
    for cursor, documents in layers:
        entries = cursor.entries("mappings of knobs") if isinstance(cursor.value, list) else [cursor]
        mappings = [[*before, (entry, documents)] for before in mappings for entry in entries]
    found: list[Choices] = []
    for mapping in mappings:
        axes: dict[str, list[Choice]] = {}
        for cursor, documents in mapping:
            axes |= _grid(cursor, documents)
        if math.prod(len(choices) for choices in axes.values()) + len(found) > MOST_CELLS:
            refuse_too_many(mapping[-1][0])
            break
        found += itertools.product(*axes.values())
    return found or [()]


def _grid(cursor: Cursor, documents: Sequence[Document]) -> dict[str, list[Choice]]:
    """The axes of one mapping of knobs."""
    if not isinstance(cursor.value, dict):
        cursor.expected("a mapping of knobs to values", "such as {dendrites: [4, 8]}")
        return {}
    axes = {}
    for key in cursor.value:
        at = cursor.child(key)
        assert at is not None
        axes[key] = many(key, at)
        if documents and not any(can_override(document, key, Morphology.KEYS) for document in documents):
            declared = {name for document in documents for name in document.parameters}
            cursor.fault(f"no morphology has the knob '{key}'", did_you_mean(key, declared), key, key=True)
    return axes


def configs(cursors: Sequence[Cursor]) -> list[tuple[TrainConfig, Choices]]:
    """All settings of the training, with the choices that make them; the later of several mappings wins."""
    axes: dict[str, list[Choice]] = {}
    for cursor in cursors:
        hints = {"seed": "seeds is a key of its own: seeds: 5, or seeds: [0, 1, 2]"}
        if cursor.keys(SETTINGS, such_as="{epochs: 10, lr: [0.001, 0.01]}", hints=hints):
            for key in cursor.value:
                at = cursor.child(key)
                if key in SETTINGS and at:
                    axes[key] = many(key, at)
    if math.prod(len(choices) for choices in axes.values()) > MOST_CELLS:
        refuse_too_many(cursors[-1])
        return []
    # Each setting is held to its bounds by itself, so that all wrong ones are told.
    allowed = [[choice for choice in choices if _is_allowed(choice)] for choices in axes.values()]
    return [
        (TrainConfig(**{choice.key: choice.value for choice in choices}), choices)
        for choices in itertools.product(*allowed)
    ]


def _is_allowed(choice: Choice) -> bool:
    """Whether a training takes the setting; if not, it is a fault."""
    try:
        TrainConfig(**{choice.key: choice.value}).for_data("")
    except DendrographError as error:
        choice.tell(error)
        return False
    return True


def seeds(cursor: Cursor | None) -> list[int]:
    """So many seeds, from 0 on; or those that are listed."""
    if cursor is None:
        return [0]
    if not isinstance(cursor.value, list):
        number = cursor.whole(1, ", or a list of seeds")
        if number > MOST_CELLS:
            refuse_too_many(cursor)
            return []
        return list(range(number))
    listed = cursor.entries("seeds")
    found = [entry.whole(0) for entry in listed]
    for entry, seed in zip(listed, found, strict=True):
        if seed > LARGEST_SEED:
            entry.expected(f"a seed of at most {LARGEST_SEED:,}")
    if len(set(found)) < len(found):
        cursor.fault("a seed stands twice", "name each seed once")
    return [seed for seed in found if seed <= LARGEST_SEED]


def kinds_of_controls(cursor: Cursor | None) -> list[str]:
    """The controls that are asked for."""
    if cursor is None:
        return []
    if cursor.value == "all":
        return list(CONTROLS)
    return [choice.cursor.choice("control", CONTROLS) for choice in many("control", cursor)]

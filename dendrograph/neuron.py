"""One kind of neuron as a user declares it: its tree of compartments, and the synapses onto each.

Each class is one mapping of the grammar (docs/language.md), and its `read` is the rule for it.
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import Any, ClassVar

from dendrograph.cable import Cable
from dendrograph.cursor import PLACEHOLDER, Cursor
from dendrograph.declared import Declared, Init, Where, gather, hold, read_bias, told, where, written_bias
from dendrograph.synapses import PREVIOUS, Synapses
from dendrograph.transfer import Nonlinearity

# The classes of which a neuron is built.
__all__ = ["PREVIOUS", "Cable", "Compartment", "Declared", "Init", "Nonlinearity", "Synapses", "Where", "where"]

INTEGRATIONS = ("sum", "mean", "max", "min", "product")
NORMALISATIONS = ("none", "layer")
SOMA = "soma"


@dataclass(frozen=True)
class Compartment:
    """A node of a neuron's tree, standing for all of its copies: the soma (root), or a dendrite.

    count: copies on each parent compartment (1 for the soma)
    integration: how what arrives combines: `sum`, `mean`, `max`, `min` or `product`
    bias_trainable: whether its biases are learnt, or stay as they start, at 0
    normalisation: `layer` gives the group mean 0 and variance 1 in each sample, before the nonlinearity
    trainable: whether anything of it is learnt: synapses, cable, bias, nonlinearity; its dendrites say so themselves
    """

    name: str = SOMA
    count: int = 1
    nonlinearity: Nonlinearity = Nonlinearity()
    integration: str = "sum"
    bias: bool = True
    dropout: float = 0.0
    normalisation: str = "none"
    cable: Cable = Cable()
    synapses: tuple[Synapses, ...] = ()
    dendrites: tuple[Compartment, ...] = ()
    bias_trainable: bool = True
    trainable: bool = True
    where: Where = dataclasses.field(default_factory=Where, compare=False, repr=False)

    # Keys that `defaults` may set too.
    SHARED = ("nonlinearity", "integration", "bias", "dropout", "normalisation", "trainable")
    DEFAULTS = (*SHARED, "cable", "synapses")  # all the keys of `defaults`
    KEYS = ("name", "count", *DEFAULTS, "dendrites")
    # Keys that a user may look for here, and where they stand.
    OF_PARTS: ClassVar[dict[str, str]] = {
        **{key: f"it is a key of synapses: write synapses: {{{key}: ...}}" for key in Synapses.KEYS},
        **{key: f"it is a key of the cable: write cable: {{{key}: ...}}" for key in Cable.KEYS},
        **dict.fromkeys(("sign", "init"), "it is a key of synapses and of the cable"),
    }
    # The soma is the root: what to do about the keys that it lacks.
    NOT_OF_SOMA: ClassVar[dict[str, str]] = {
        "count": "a neuron has one soma; the number of neurons is the layer's count",
        "cable": "a cable joins a dendrite to its parent: it is a key of dendrites",
    }

    def __post_init__(self) -> None:
        hold(self, "nonlinearity", Nonlinearity)
        hold(self, "cable", Cable)
        gather(self, "synapses", Synapses)
        gather(self, "dendrites", Compartment)
        if self.bias is False:
            object.__setattr__(self, "bias_trainable", True)  # there is none

    @classmethod
    def read(cls, cursor: Cursor, defaults: Cursor | None, fallback_name: str = SOMA) -> Compartment:
        """One mapping of the compartment keys; the soma takes no `count` and no `cable`."""
        soma = fallback_name == SOMA
        kind = "soma" if soma else "dendrite"
        keys = [key for key in cls.KEYS if not soma or key not in cls.NOT_OF_SOMA]
        if not cursor.keys(keys, hints=cls.OF_PARTS | cls.NOT_OF_SOMA if soma else cls.OF_PARTS):
            return cls()
        name_at, count_at = cursor.child("name"), cursor.child("count")
        synapses_at, dendrites_at = cursor.child("synapses"), cursor.child("dendrites")
        name = (name_at.slug() if name_at else PLACEHOLDER) or fallback_name
        count = count_at.whole(1) if count_at else 1
        declared = Declared(cursor, defaults)
        settings = cls.read_settings(declared)
        if not soma:
            settings["cable"] = Cable.read_whole(declared.section("cable"))
        synapses = _synapses(synapses_at, defaults) if synapses_at else ()
        dendrites = _dendrites(dendrites_at, defaults) if dendrites_at else ()
        if soma and name in {dendrite.name for dendrite in dendrites}:
            (name_at or cursor).fault(
                f"the soma and one of its dendrites are both named '{name}'", "give each a name of its own"
            )
        if synapses_at is None and dendrites_at is None and set(cursor.value) <= set(keys):
            cursor.fault(
                f"the {kind} has neither synapses nor dendrites: nothing would reach it",
                "give it one or the other; a compartment that is meant to be silent has synapses: {count: 0}",
            )
        if not settings.get("trainable", True):
            _refuse_trainable_parts(cursor)
        place = where(cursor, defaults)
        return cls(name=name, count=count, synapses=synapses, dendrites=dendrites, where=place, **settings)

    @classmethod
    def read_settings(cls, declared: Declared) -> dict[str, Any]:
        """What is set of the keys that `defaults` may set too."""
        settings: dict[str, Any] = {}
        if integration_at := declared.get("integration"):
            settings["integration"] = integration_at.choice("integration", INTEGRATIONS) or "sum"
        if normalisation_at := declared.get("normalisation"):
            settings["normalisation"] = normalisation_at.choice("normalisation", NORMALISATIONS) or "none"
        if nonlinearity_at := declared.get("nonlinearity"):
            settings["nonlinearity"] = Nonlinearity.read(nonlinearity_at)
        if bias_at := declared.get("bias"):
            settings |= read_bias(bias_at)
        if dropout_at := declared.get("dropout"):
            settings["dropout"] = dropout_at.number(low=0.0, below=1.0)
        if trainable_at := declared.get("trainable"):
            settings["trainable"] = trainable_at.flag()
        return settings

    def to_dict(self, soma: bool = True) -> dict[str, Any]:
        """The mapping that `read` takes."""
        return {
            "name": self.name,
            **({} if soma and self.count == 1 else {"count": self.count}),
            **({} if soma and self.cable == Cable() else {"cable": self.cable.to_dict()}),
            "nonlinearity": self.nonlinearity.to_dict(),
            **told(self, (key for key in self.SHARED if key != "nonlinearity")),
            **({} if self.bias_trainable else {"bias": written_bias(self.bias, False)}),
            **({"synapses": [synapses.to_dict() for synapses in self.synapses]} if self.synapses else {}),
            **({"dendrites": [dendrite.to_dict(soma=False) for dendrite in self.dendrites]} if self.dendrites else {}),
        }


def _refuse_trainable_parts(cursor: Cursor) -> None:
    """Parts that are said to be learnt of a compartment that is not."""
    parts = [part for key in ("synapses", "cable", "bias") if (part := cursor.child(key))]
    lists = [part.entries("synapses") if isinstance(part.value, list) and part.value else [part] for part in parts]
    for part in itertools.chain.from_iterable(lists):
        if isinstance(part.value, dict) and part.value.get("trainable") is True:
            problem = "'trainable: true' contradicts the compartment, which has 'trainable: false'"
            remedy = "leave it out, or give trainable: false to each part of the compartment that is not learnt"
            part.fault(problem, remedy, "trainable")


def _synapses(cursor: Cursor, defaults: Cursor | None) -> tuple[Synapses, ...]:
    entries = cursor.entries("synapses") if isinstance(cursor.value, list) else [cursor]
    return tuple(Synapses.read(entry, defaults and defaults.child("synapses")) for entry in entries)


def _dendrites(cursor: Cursor, defaults: Cursor | None) -> tuple[Compartment, ...]:
    entries = cursor.entries("dendrites")
    found: dict[str, Compartment] = {}
    for index, entry in enumerate(entries):
        dendrite = Compartment.read(entry, defaults, "dendrite" if len(entries) == 1 else f"dendrite{index + 1}")
        if dendrite.name in found:
            (entry.child("name") or entry).fault(f"two siblings are named '{dendrite.name}'", "give each its own name")
        found[dendrite.name] = dendrite
    return tuple(found.values())

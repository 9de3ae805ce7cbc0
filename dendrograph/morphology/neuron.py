"""One kind of neuron as a user declares it: its tree of compartments, and the synapses onto each.

Each class is one mapping of the grammar (docs/reference/language.md), and its `read` is the rule for it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from dendrograph.morphology.cable import Cable
from dendrograph.morphology.nonlinearities import Nonlinearity
from dendrograph.morphology.synapses import PREVIOUS, Synapses
from dendrograph.morphology.validation import (
    PLACEHOLDER,
    Cursor,
    Where,
    WithDefaults,
    as_tuple,
    check_kind,
    check_no_arrays,
    not_default,
    where,
)
from dendrograph.morphology.weights import Init, read_bias, written_bias
from dendrograph.morphology.yaml_reader import MOST_IN_A_ROW, Steps, unwound

# The classes of which a neuron is built.
__all__ = ["PREVIOUS", "Cable", "Compartment", "Init", "Nonlinearity", "Synapses", "Where", "WithDefaults", "where"]

INTEGRATIONS = ("sum", "mean", "max", "min", "product")
NORMALISATIONS = ("none", "layer")
SOMA = "soma"


@dataclass(frozen=True, eq=False, repr=False)
class Compartment:
    """A node of a neuron's tree, standing for all of its copies: the soma (root), or a dendrite.

    A tree may be of any depth: nothing here calls itself once for each level.

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
        check_kind(self, "nonlinearity", Nonlinearity)
        check_kind(self, "cable", Cable)
        as_tuple(self, "synapses", Synapses)
        as_tuple(self, "dendrites", Compartment)
        check_kind(self, "bias_trainable", bool)
        check_no_arrays(self)
        if self.bias is False:
            object.__setattr__(self, "bias_trainable", True)  # there is none

    @classmethod
    def read(cls, cursor: Cursor, defaults: Cursor | None, fallback_name: str = SOMA) -> Compartment:
        """One mapping of the compartment keys; the soma takes no `count` and no `cable`."""
        return unwound(cls._read(cursor, defaults, fallback_name))

    @classmethod
    def _read(cls, cursor: Cursor, defaults: Cursor | None, fallback_name: str) -> Steps[Compartment]:
        soma = fallback_name == SOMA
        kind = "soma" if soma else "dendrite"
        keys = [key for key in cls.KEYS if not soma or key not in cls.NOT_OF_SOMA]
        if not cursor.keys(keys, hints=cls.OF_PARTS | cls.NOT_OF_SOMA if soma else cls.OF_PARTS):
            return cls()
        name_at, count_at = cursor.child("name"), cursor.child("count")
        synapses_at, dendrites_at = cursor.child("synapses"), cursor.child("dendrites")
        name = (name_at.slug() if name_at else PLACEHOLDER) or fallback_name
        count = count_at.whole(1) if count_at else 1
        declared = WithDefaults(cursor, defaults)
        settings = cls.read_settings(declared)
        if not soma:
            settings["cable"] = Cable.read_whole(declared.section("cable"))
        synapses = _synapses(synapses_at, defaults) if synapses_at else ()
        dendrites = (yield cls._read_dendrites(dendrites_at, defaults)) if dendrites_at else ()
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
    def _read_dendrites(cls, cursor: Cursor, defaults: Cursor | None) -> Steps[tuple[Compartment, ...]]:
        if len(cursor.path) > MOST_IN_A_ROW and cursor.path[2:].count("dendrites") > MOST_IN_A_ROW:
            cursor.fault("nested too deeply", f"at most {MOST_IN_A_ROW:,} dendrites in a row")
            return ()
        entries = cursor.entries("dendrites")
        found: dict[str, Compartment] = {}
        for index, entry in enumerate(entries):
            name = "dendrite" if len(entries) == 1 else f"dendrite{index + 1}"
            dendrite = yield cls._read(entry, defaults, name)
            if dendrite.name in found:
                problem = f"two siblings are named '{dendrite.name}'"
                (entry.child("name") or entry).fault(problem, "give each its own name")
            found[dendrite.name] = dendrite
        return tuple(found.values())

    @classmethod
    def read_settings(cls, declared: WithDefaults) -> dict[str, Any]:
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
        return unwound(self._to_dict(soma))

    def _to_dict(self, soma: bool) -> Steps[dict[str, Any]]:
        dendrites = []
        for dendrite in self.dendrites:
            dendrites.append((yield dendrite._to_dict(soma=False)))
        return {
            "name": self.name,
            **({} if soma and self.count == 1 else {"count": self.count}),
            **({} if soma and self.cable == Cable() else {"cable": self.cable.to_dict()}),
            "nonlinearity": self.nonlinearity.to_dict(),
            **not_default(self, (key for key in self.SHARED if key != "nonlinearity")),
            **({} if self.bias_trainable else {"bias": written_bias(self.bias, False)}),
            **({"synapses": [synapses.to_dict() for synapses in self.synapses]} if self.synapses else {}),
            **({"dendrites": dendrites} if dendrites else {}),
        }

    def tree(self) -> Iterator[Compartment]:
        """This compartment and all below it, each before its dendrites."""
        waiting = [self]
        while waiting:
            yield (compartment := waiting.pop())
            waiting += reversed(compartment.dendrites)

    def _flat(self) -> tuple[tuple[Any, ...], ...]:
        """What tells the tree from others: of each compartment its own values, and how many dendrites it has."""
        keys = [each.name for each in dataclasses.fields(self) if each.compare and each.name != "dendrites"]
        return tuple((*(getattr(each, key) for key in keys), len(each.dendrites)) for each in self.tree())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Compartment):
            return NotImplemented
        return self is other or self._flat() == other._flat()

    def __hash__(self) -> int:
        return hash(self._flat())

    def __repr__(self) -> str:
        parts: list[str] = []
        waiting: list[Compartment | str] = [self]
        while waiting:
            each = waiting.pop()
            if isinstance(each, str):
                parts.append(each)
                continue
            shown = [key.name for key in dataclasses.fields(each) if key.repr and key.name != "dendrites"]
            parts.append(f"Compartment({', '.join(f'{key}={getattr(each, key)!r}' for key in shown)}, dendrites=(")
            waiting.append(",))" if len(each.dendrites) == 1 else "))")
            for number, dendrite in enumerate(reversed(each.dendrites)):
                waiting += [", "] * (number > 0) + [dendrite]
        return "".join(parts)

    def __deepcopy__(self, memo: object) -> Compartment:
        return self  # nothing in it can be changed

    def __reduce__(self) -> tuple[Any, ...]:
        keys = [each.name for each in dataclasses.fields(self) if each.name != "dendrites"]
        flat = [({key: getattr(each, key) for key in keys}, len(each.dendrites)) for each in self.tree()]
        return _regrown, (flat,)


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


def _regrown(flat: list[tuple[dict[str, Any], int]]) -> Compartment:
    """A tree from what stands for it where it is pickled: of each compartment its values, and how many dendrites."""
    grown: list[Compartment] = []
    for values, dendrites in reversed(flat):
        grown.append(Compartment(**values, dendrites=tuple(grown.pop() for _ in range(dendrites))))
    return grown.pop()

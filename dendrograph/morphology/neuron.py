"""A kind of neuron as a user declares it: a tree of compartments, with the synapses onto each."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from dendrograph.morphology.cable import Cable
from dendrograph.morphology.grammar import Key, Keys, list_schema, read_keys, reference
from dendrograph.morphology.nonlinearities import Nonlinearity
from dendrograph.morphology.synapses import Synapses
from dendrograph.morphology.validation import (
    Cursor,
    Where,
    WithDefaults,
    as_tuple,
    check_kind,
    check_no_arrays,
    not_default,
    where,
)
from dendrograph.morphology.weights import bias_key, bias_to_dict
from dendrograph.morphology.yaml_reader import MOST_IN_A_ROW, Steps, unwound

INTEGRATIONS = ("sum", "mean", "max", "min", "product")
NORMALISATIONS = ("none", "layer")
SOMA = "soma"


@dataclass(frozen=True, eq=False, repr=False)
class Compartment:
    """A node of a neuron's tree: the soma (root), or a dendrite with all of its copies.

    A tree may have any depth: no function recurses over its levels.

    Attributes:
        name: unique among its siblings.
        count: the number of copies on each parent compartment (1 for the soma).
        nonlinearity: applied to the integrated input.
        integration: how the inputs combine: `sum`, `mean`, `max`, `min` or `product`.
        bias: whether each compartment has a bias.
        dropout: the share of the activities that is dropped in training.
        normalisation: `layer` gives the group mean 0 and variance 1 in each sample, before the nonlinearity.
        cable: the connection to the parent.
        synapses: the synapses onto each copy.
        dendrites: the branches.
        bias_trainable: whether biases are trained, or stay at their initial value 0.
        trainable: whether its synapses, cable, bias and nonlinearity are trained. Its dendrites have a `trainable` of
            their own.
        where: the position in the file.
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
    SHARED: ClassVar[Keys] = {
        "nonlinearity": Key(reference("nonlinearity"), Nonlinearity.read),
        "integration": Key.choice("integration", INTEGRATIONS, "How a compartment combines its inputs."),
        "bias": bias_key("Whether each compartment has a bias, and whether it is trained."),
        "dropout": Key.number("Share of the activities that is dropped in training.", low=0.0, below=1.0),
        "normalisation": Key.choice(
            "normalisation", NORMALISATIONS, "Of the integrals, over the compartments of a group."
        ),
        "trainable": Key.flag("Whether anything of the compartment is trained."),
    }
    DEFAULTS: ClassVar[Keys] = {**SHARED, "cable": Key(reference("cable")), "synapses": Key(reference("synapses"))}
    KEYS: ClassVar[Keys] = {
        "name": Key.name("Of the compartment."),
        "count": Key.whole(1, "How many of them each parent has."),
        **DEFAULTS,
        "synapses": Key({"anyOf": [list_schema(reference("synapses")), reference("synapses")]}),
        "dendrites": Key(list_schema(reference("dendrite"), description="Its branches.")),
    }
    # Keys of its parts that a user may look for here, and where they belong.
    OF_PARTS: ClassVar[dict[str, str]] = {
        **{key: f"it is a key of synapses: write synapses: {{{key}: ...}}" for key in Synapses.KEYS},
        **{key: f"it is a key of the cable: write cable: {{{key}: ...}}" for key in Cable.KEYS},
        **dict.fromkeys(("sign", "init"), "it is a key of synapses and of the cable"),
    }
    # Keys of dendrites that the soma, the root, does not have, and what to do.
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
            object.__setattr__(self, "bias_trainable", True)  # it has no bias

    @classmethod
    def read(cls, cursor: Cursor, defaults: Cursor | None, fallback_name: str = SOMA) -> Compartment:
        """Read one mapping of the compartment keys; the soma has no `count` and no `cable`."""
        return unwound(cls._read(cursor, defaults, fallback_name))

    @classmethod
    def _read(cls, cursor: Cursor, defaults: Cursor | None, fallback_name: str) -> Steps[Compartment]:
        soma = fallback_name == SOMA
        kind = "soma" if soma else "dendrite"
        keys = [key for key in cls.KEYS if not soma or key not in cls.NOT_OF_SOMA]
        if not cursor.keys(keys, hints=cls.OF_PARTS | cls.NOT_OF_SOMA if soma else cls.OF_PARTS):
            return cls()
        name_at, synapses_at, dendrites_at = map(cursor.child, ("name", "synapses", "dendrites"))
        declared = WithDefaults(cursor, defaults)
        settings = {"name": fallback_name, **read_keys(cursor, cls.KEYS), **cls.read_settings(declared)}
        name = settings["name"]
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
            _check_trainable_parts(cursor)
        place = where(cursor, defaults)
        return cls(synapses=synapses, dendrites=dendrites, where=place, **settings)

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
        """The settings of the keys that `defaults` may set too."""
        settings = read_keys(declared, cls.SHARED)
        return {**settings, **settings.pop("bias", {})}

    def to_dict(self, soma: bool = True) -> dict[str, Any]:
        """Return the mapping that `read` takes."""
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
            **({} if self.bias_trainable else {"bias": bias_to_dict(self.bias, False)}),
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
        """A value that is equal for equal trees: of each compartment its own values, and its number of dendrites."""
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
        return self  # it is immutable

    def __reduce__(self) -> tuple[Any, ...]:
        keys = [each.name for each in dataclasses.fields(self) if each.name != "dendrites"]
        flat = [({key: getattr(each, key) for key in keys}, len(each.dendrites)) for each in self.tree()]
        return _regrown, (flat,)


def _check_trainable_parts(cursor: Cursor) -> None:
    """Report the parts with `trainable: true` of a compartment with `trainable: false`."""
    parts = [part for key in ("synapses", "cable", "bias") if (part := cursor.child(key))]
    lists = [part.entries("synapses") if isinstance(part.value, list) and part.value else [part] for part in parts]
    for part in itertools.chain.from_iterable(lists):
        if isinstance(part.value, dict) and part.value.get("trainable") is True:
            problem = "'trainable: true' contradicts the compartment, which has 'trainable: false'"
            remedy = "leave it out, or give trainable: false to each part of the compartment that is not trained"
            part.fault(problem, remedy, "trainable")


def _synapses(cursor: Cursor, defaults: Cursor | None) -> tuple[Synapses, ...]:
    entries = cursor.entries("synapses") if isinstance(cursor.value, list) else [cursor]
    return tuple(Synapses.read(entry, defaults and defaults.child("synapses")) for entry in entries)


def _regrown(flat: list[tuple[dict[str, Any], int]]) -> Compartment:
    """The tree of a pickle, which holds the values of each compartment and its number of dendrites."""
    grown: list[Compartment] = []
    for values, dendrites in reversed(flat):
        grown.append(Compartment(**values, dendrites=tuple(grown.pop() for _ in range(dendrites))))
    return grown.pop()

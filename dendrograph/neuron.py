"""One kind of neuron as a user declares it: its tree of compartments, and the synapses onto each.

Each class is one mapping of the grammar (docs/language.md), and its `read` is the rule for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from dendrograph.cursor import PLACEHOLDER, Cursor
from dendrograph.document import Document
from dendrograph.errors import Fault, did_you_mean
from dendrograph.nonlinearities import NONLINEARITIES
from dendrograph.reading import Path

FIELDS = ("random", "pooled", "local", "global", "all")
INITS = ("glorot", "glorot_dense", "he", "constant")
INTEGRATIONS = ("sum", "mean", "max", "min", "product")
SIGNS = ("free", "excitatory", "inhibitory")
PREVIOUS = "previous"
SOMA = "soma"

All = Literal["all"]


@dataclass(frozen=True)
class Where:
    """Where a mapping stands in its file, and where the defaults stand on which it falls back.

    What is built in Python stands in no file: then messages tell of it without a place.
    """

    document: Document | None = None
    path: Path = ()
    defaults: Path = ()

    def fault(self, problem: str, remedy: str = "", key: str = "") -> Fault:
        """A fault of this mapping, or of the value at one of its keys."""
        path = (*self.path, key) if key else self.path
        if self.document is None:
            return Fault("", "", problem, remedy)
        if key and self.defaults and not self.document.holds(path) and self.document.holds((*self.defaults, key)):
            path = (*self.defaults, key)
        return self.document.fault(path, problem, remedy)


def where(cursor: Cursor, defaults: Cursor | None = None) -> Where:
    """Where the mapping of a cursor stands."""
    return Where(cursor.document, cursor.path, defaults.path if defaults else ())


class Declared:
    """A mapping of the file together with the file's defaults for it: the most local setting wins."""

    def __init__(self, own: Cursor | None, defaults: Cursor | None) -> None:
        self.own = own
        self.defaults = defaults

    def get(self, key: str) -> Cursor | None:
        """The value at a key, from the mapping itself or else from the defaults."""
        return (self.own and self.own.child(key)) or (self.defaults and self.defaults.child(key))

    def section(self, key: str) -> Declared:
        """The mapping at a key, together with its defaults, which hold key by key."""
        return Declared(self.own and self.own.child(key), self.defaults and self.defaults.child(key))

    def more_local(self, key: str, than: str) -> bool:
        """Whether the mapping itself sets a key while another comes from the defaults, which it thereby overrides."""
        return self._is_own(key) and not self._is_own(than)

    def _is_own(self, key: str) -> bool:
        return self.own is not None and self.own.child(key) is not None


@dataclass(frozen=True)
class Nonlinearity:
    """Name and parameters of a compartment's transfer function (see `dendrograph.nonlinearities`)."""

    name: str = "leaky_relu"
    parameters: tuple[tuple[str, float], ...] = (("slope", 0.1),)

    @classmethod
    def read(cls, cursor: Cursor) -> Nonlinearity:
        """A name, or a mapping of `name` and the nonlinearity's own parameters."""
        named = isinstance(cursor.value, dict)
        if not named and not isinstance(cursor.value, str):
            cursor.expected("a nonlinearity's name, or a mapping of its name and parameters")
            return cls()
        name_at = cursor.child("name") if named else cursor
        if name_at is None:
            cursor.fault("missing key 'name'", did_you_mean("", NONLINEARITIES, "nonlinearities"), at="name")
            return cls()
        entry = NONLINEARITIES.get(name_at.choice("nonlinearity", NONLINEARITIES))
        if entry is None:
            return cls()
        values = dict(entry.defaults)
        if named:
            kind = f"parameters of {entry.name}"
            hints = {key: did_you_mean(key, entry.defaults, kind) for key in cursor.value if key not in entry.defaults}
            cursor.keys(("name", *entry.defaults), hints=hints)
            for key in entry.defaults:
                if parameter := cursor.child(key):
                    values[key] = parameter.number(above=0.0) if key in entry.positive else parameter.number()
        return cls(entry.name, tuple(values.items()))

    def to_dict(self) -> dict[str, Any]:
        """The mapping that `read` takes."""
        return {"name": self.name, **dict(self.parameters)}


@dataclass(frozen=True)
class Init:
    """How weights start: `glorot`, `glorot_dense`, `he`, or `constant` with its value."""

    name: str = "glorot"
    value: float = 0.0

    @classmethod
    def read(cls, cursor: Cursor) -> Init:
        """A name, or a mapping of `name` and, for `constant`, `value`."""
        if isinstance(cursor.value, str):
            name = cursor.choice("init", INITS)
            if name == "constant":
                cursor.fault("init 'constant' needs a value", "write init: {name: constant, value: 0.1}")
            return cls(name or "glorot")
        if not isinstance(cursor.value, dict):
            cursor.expected("the name of an init, or a mapping of its name and value", did_you_mean("", INITS))
            return cls()
        name_at, value_at = cursor.child("name"), cursor.child("value")
        name = name_at.choice("init", INITS) if name_at else PLACEHOLDER
        required = {"name": did_you_mean("", INITS)}
        if name == "constant":
            required["value"] = "write {name: constant, value: 0.1}"
        cursor.keys(("name", "value"), required)
        value = value_at.number() if value_at else 0.0
        if value_at and name not in ("constant", PLACEHOLDER):
            cursor.fault(f"init '{name}' takes no value", "leave it out, or write name: constant", "value", key=True)
        return cls(name or "glorot", value if name == "constant" else 0.0)

    def to_dict(self) -> Any:
        """What `read` takes."""
        return {"name": self.name, "value": self.value} if self.name == "constant" else self.name


@dataclass(frozen=True)
class Synapses:
    """Synapses onto each compartment of a group: how many, from where, and which receptive field draws them.

    `count` is a number a compartment (for the fields `local` and `global`: of grid positions), or `"all"`.
    """

    count: int | All
    sources: tuple[str, ...] = (PREVIOUS,)
    field: str = "random"
    init: Init = Init()
    replace: bool = False
    group: int = 1
    where: Where = dataclasses.field(default_factory=Where, compare=False, repr=False)

    KEYS = ("count", "from", "field", "group", "nonlinearity", "sign", "init", "replace")
    # Key, the value of it that goes with any field, and the fields that it may be turned for.
    ONLY_WITH = (("replace", False, ("random", "pooled")), ("group", 1, ("global",)))

    @classmethod
    def read(cls, cursor: Cursor, defaults: Cursor | None) -> Synapses:
        """One mapping of the synapse keys."""
        if not cursor.keys(cls.KEYS, such_as="{count: 16, from: previous, field: random}"):
            return cls("all")
        declared = Declared(cursor, defaults)
        place = where(cursor, defaults)

        def fault(problem: str, remedy: str, key: str) -> None:
            cursor.faults.add(place.fault(problem, remedy, key))

        settings = cls.read_settings(declared)
        field = settings.pop("field", None)
        count = settings.pop("count", None)
        if count == "all" and field not in (None, "all", PLACEHOLDER):
            if declared.more_local("count", than="field"):
                field = "all"
            elif declared.more_local("field", than="count"):
                count = None
            else:
                fault(f"count 'all' contradicts field '{field}'", "write field: all, or a number as count", "field")
        elif field == "all" and isinstance(count, int) and not declared.more_local("field", than="count"):
            fault("field 'all' takes no count", "leave count out, or name a field that samples", "count")
        if "all" in (count, field):
            count = field = "all"
        elif count is None and set(cursor.value) <= set(cls.KEYS):
            cursor.fault("missing key 'count'", "give the synapses of one compartment, or all", "count")
        field = field or "random"
        for key, rule, fields in cls.ONLY_WITH:
            if settings.get(key, rule) != rule and field not in fields:
                if not declared.more_local("field", than=key):
                    allowed = " and ".join(f"'{name}'" for name in fields)
                    fault(f"'{key}' does not go with field '{field}'", f"it goes with {allowed} only", key)
                del settings[key]
        return cls(count="all" if count is None else count, field=field, where=place, **settings)

    @classmethod
    def read_settings(cls, declared: Declared) -> dict[str, Any]:
        """What is set, key by key; what the settings mean together is for `read` to see."""
        _later(declared.get("nonlinearity"), "a nonlinearity of the single synapse")
        _later(declared.get("sign"), "sign", "free", SIGNS)
        settings: dict[str, Any] = {}
        if count_at := declared.get("count"):
            settings["count"] = "all" if count_at.value == "all" else count_at.whole(0, ", or all")
        if from_at := declared.get("from"):
            settings["sources"] = _sources(from_at)
        if field_at := declared.get("field"):
            settings["field"] = field_at.choice("field", FIELDS)
        if init_at := declared.get("init"):
            settings["init"] = Init.read(init_at)
        if replace_at := declared.get("replace"):
            settings["replace"] = replace_at.flag()
        if group_at := declared.get("group"):
            settings["group"] = group_at.whole(1)
        return settings

    def to_dict(self) -> dict[str, Any]:
        """The mapping that `read` takes."""
        return {
            **({} if self.field == "all" else {"count": self.count}),
            "from": self.sources[0] if len(self.sources) == 1 else list(self.sources),
            "field": self.field,
            "init": self.init.to_dict(),
            **({"replace": True} if self.replace else {}),
            **({"group": self.group} if self.group > 1 else {}),
        }


def _sources(cursor: Cursor) -> tuple[str, ...]:
    if isinstance(cursor.value, str):
        return (cursor.slug(),)
    if not isinstance(cursor.value, list):
        cursor.expected(
            "a source, or a list of sources", "a source is an input stream, an earlier layer, or 'previous'"
        )
        return ()
    names: list[str] = []
    for entry in cursor.entries("sources"):
        name = entry.slug()
        if name and name in names:
            entry.fault(f"the source '{name}' stands twice", "name each source once")
        names.append(name)
    return tuple(names)


def _later(cursor: Cursor | None, what: str, only: str | None = None, known: tuple[str, ...] = ()) -> None:
    """Refuse what the grammar knows but the engine cannot run yet; a word that is not known at all is told so."""
    if cursor is None or cursor.value == only:
        return
    if not known:
        cursor.fault(f"{what} is not supported yet", "leave the key out")
    elif word := cursor.choice(what, known):
        cursor.fault(f"{what} '{word}' is not supported yet", f"leave the key out, or write {only}")


@dataclass(frozen=True)
class Compartment:
    """A node of a neuron's tree, standing for all of its copies: the soma (root), or a dendrite.

    `count` is the number of copies on each parent compartment (1 for the soma).
    """

    name: str = SOMA
    count: int = 1
    nonlinearity: Nonlinearity = Nonlinearity()
    integration: str = "sum"
    bias: bool = True
    dropout: float = 0.0
    cable: Init = Init()
    synapses: tuple[Synapses, ...] = ()
    dendrites: tuple[Compartment, ...] = ()
    where: Where = dataclasses.field(default_factory=Where, compare=False, repr=False)

    SHARED = ("nonlinearity", "integration", "bias", "dropout")  # keys that `defaults` may set too
    KEYS = ("name", "count", *SHARED, "cable", "synapses", "dendrites")
    # The soma is the root: what to do about the keys that it lacks.
    NOT_OF_SOMA: ClassVar[Mapping[str, str]] = {
        "count": "a neuron has one soma; the number of neurons is the layer's count",
        "cable": "a cable joins a dendrite to its parent: it is a key of dendrites",
    }

    @classmethod
    def read(cls, cursor: Cursor, defaults: Cursor | None, fallback_name: str = SOMA) -> Compartment:
        """One mapping of the compartment keys; the soma takes no `count` and no `cable`."""
        soma = fallback_name == SOMA
        kind = "soma" if soma else "dendrite"
        keys = [key for key in cls.KEYS if not soma or key not in cls.NOT_OF_SOMA]
        if not cursor.keys(keys, hints=cls.NOT_OF_SOMA if soma else {}):
            return cls()
        name_at, count_at = cursor.child("name"), cursor.child("count")
        synapses_at, dendrites_at = cursor.child("synapses"), cursor.child("dendrites")
        name = (name_at.slug() if name_at else PLACEHOLDER) or fallback_name
        count = count_at.whole(1) if count_at else 1
        settings = cls.read_settings(Declared(cursor, defaults))
        if soma:
            settings.pop("cable", None)
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
        place = where(cursor, defaults)
        return cls(name=name, count=count, synapses=synapses, dendrites=dendrites, where=place, **settings)

    @classmethod
    def read_settings(cls, declared: Declared) -> dict[str, Any]:
        """What is set of the keys that `defaults` may set too."""
        _later(declared.get("integration"), "integration", "sum", INTEGRATIONS)
        settings: dict[str, Any] = {}
        if nonlinearity_at := declared.get("nonlinearity"):
            settings["nonlinearity"] = Nonlinearity.read(nonlinearity_at)
        if bias_at := declared.get("bias"):
            settings["bias"] = bias_at.flag()
        if dropout_at := declared.get("dropout"):
            settings["dropout"] = dropout_at.number(low=0.0, below=1.0)
        cable = declared.section("cable")
        for cable_at in (cable.own, cable.defaults):
            if cable_at:
                cable_at.keys(("init",), such_as="{init: he}")
        if init_at := cable.get("init"):
            settings["cable"] = Init.read(init_at)
        return settings

    def to_dict(self, soma: bool = True) -> dict[str, Any]:
        """The mapping that `read` takes."""
        return {
            "name": self.name,
            **({} if soma else {"count": self.count, "cable": {"init": self.cable.to_dict()}}),
            "nonlinearity": self.nonlinearity.to_dict(),
            **({} if self.bias else {"bias": False}),
            **({"dropout": self.dropout} if self.dropout else {}),
            **({"synapses": [synapses.to_dict() for synapses in self.synapses]} if self.synapses else {}),
            **({"dendrites": [dendrite.to_dict(soma=False) for dendrite in self.dendrites]} if self.dendrites else {}),
        }


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

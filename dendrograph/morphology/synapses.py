"""Synapses onto a group of compartments, as a user declares them: how many, from where, and of which sign."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from dendrograph.morphology import receptive_fields
from dendrograph.morphology.grammar import Key, Keys, list_schema, read_keys, reference
from dendrograph.morphology.nonlinearities import Nonlinearity
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
from dendrograph.morphology.weights import INIT, Init, Sign

PREVIOUS = "previous"
_SOURCE = Key.name("previous, a stream or a layer.").schema

All = Literal["all"]


def _read_count(cursor: Cursor) -> int | str:
    every = isinstance(cursor.value, str) and cursor.value == "all"
    return "all" if every else cursor.whole(0, ", or all")


def _read_sources(cursor: Cursor) -> tuple[str, ...]:
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
            entry.fault(f"the source '{name}' is given twice", "name each source once")
        names.append(name)
    return tuple(names)


def _read_nonlinearity(cursor: Cursor) -> Nonlinearity | str:
    return PLACEHOLDER if cursor.value is None else Nonlinearity.read(cursor, learnable=False)


@dataclass(frozen=True)
class Synapses:
    """Synapses onto each compartment of a group: how many, from where, and which receptive field draws them.

    Attributes:
        count: the number of synapses of a compartment (for the fields `local` and `global`: of grid positions), or
            `"all"`.
        sources: the input streams and layers that they come from.
        field: the receptive field that draws them.
        init: the rule for initial weights.
        replace: whether one source may be drawn twice.
        group: the number of somata that share a centre, for the field `global`.
        sign: `free`, or the sign that weights keep through all training. A `shunting` synapse divides the sum of the
            others.
        nonlinearity: applied to each synapse alone, before the compartment integrates.
        shuffle: whether compartments exchange their drawn synapses at random with others of their group and layer.
        trainable: whether the weights are trained.
        where: the position in the file.
    """

    count: int | All
    sources: tuple[str, ...] = (PREVIOUS,)
    field: str = "random"
    init: Init = Init()
    replace: bool = False
    group: int = 1
    sign: str = Sign.FREE
    nonlinearity: Nonlinearity | None = None
    shuffle: bool = False
    trainable: bool = True
    where: Where = dataclasses.field(default_factory=Where, compare=False, repr=False)

    KEYS: ClassVar[Keys] = {
        "count": Key(
            {"anyOf": [Key.whole(0).schema, {"const": "all"}], "description": "Synapses of one compartment, or all."},
            _read_count,
        ),
        "from": Key({"anyOf": [_SOURCE, list_schema(_SOURCE)]}, _read_sources),
        "field": Key(
            lambda: {
                "enum": [*receptive_fields.known()],
                "description": "The receptive field: how sources are drawn.",
            },
            lambda cursor: cursor.choice("field", receptive_fields.known()),
        ),
        "group": Key.whole(1, "Somata that share a centre, for the field global."),
        "nonlinearity": Key(reference("synapse_nonlinearity"), _read_nonlinearity),
        "sign": Key.choice("sign", Sign, "Of the weights, kept by construction; shunting divides."),
        "init": INIT,
        "replace": Key.flag("Whether one source may be drawn twice."),
        "shuffle": Key.flag("Whether compartments exchange their drawn synapses, at random, within the layer."),
        "trainable": Key.flag("Whether the weights are trained."),
    }
    # Key, its value that goes with any field, and the fields that allow other values.
    ONLY_WITH = (("replace", False, ("random", "pooled")), ("group", 1, ("global",)))

    def __post_init__(self) -> None:
        check_kind(self, "init", Init)
        as_tuple(self, "sources", str)
        if self.nonlinearity is not None:
            check_kind(self, "nonlinearity", Nonlinearity)
        check_no_arrays(self)

    @classmethod
    def read(cls, cursor: Cursor, defaults: Cursor | None) -> Synapses:
        """Read one mapping of the synapse keys, and check its settings against each other."""
        if not cursor.keys(cls.KEYS, such_as="{count: 16, from: previous, field: random}"):
            return cls("all")
        declared = WithDefaults(cursor, defaults)
        place = where(cursor, defaults)

        def fault(problem: str, remedy: str, key: str) -> None:
            cursor.faults.add(place.fault(problem, remedy, key))

        settings = read_keys(declared, cls.KEYS)
        if "from" in settings:
            settings["sources"] = settings.pop("from")
        field, count = settings.pop("field", None), settings.pop("count", None)
        if count == "all" and field not in (None, "all"):
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
        if field == "all" and settings.get("shuffle"):
            if not any(declared.more_local(key, than="shuffle") for key in ("field", "count")):
                fault("field 'all' leaves nothing to shuffle", "leave it out, or name a field that samples", "shuffle")
            del settings["shuffle"]
        if settings.get("sign") == Sign.SHUNTING and settings.get("nonlinearity"):
            if declared.more_local("sign", than="nonlinearity"):
                del settings["nonlinearity"]
            else:
                fault("a shunting synapse has no nonlinearity: it is a conductance", "leave it out", "nonlinearity")
        init: Init = settings.get("init", Init())
        if wrong := init.contradicts(settings.get("sign", Sign.FREE)):
            fault(*wrong, "init")
        return cls(count="all" if count is None else count, field=field, where=place, **settings)

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping that `read` takes."""
        return {
            **({} if self.field == self.count == "all" else {"count": self.count}),
            "from": self.sources[0] if len(self.sources) == 1 else list(self.sources),
            "field": self.field,
            "init": self.init.to_dict(),
            **not_default(self, ("replace", "group", "sign", "shuffle", "trainable")),
            **({"nonlinearity": self.nonlinearity.to_dict()} if self.nonlinearity else {}),
        }

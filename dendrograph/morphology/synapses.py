"""Synapses onto a group of compartments as a user declares them: how many, from where, of which sign."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from dendrograph.morphology.nonlinearities import Nonlinearity
from dendrograph.morphology.receptive_fields import known as known_fields
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
from dendrograph.morphology.weights import Init, Sign

PREVIOUS = "previous"

All = Literal["all"]


@dataclass(frozen=True)
class Synapses:
    """Synapses onto each compartment of a group: how many, from where, and which receptive field draws them.

    count: a number a compartment (for the fields `local` and `global`: of grid positions), or `"all"`
    sign: what a weight may be: `free`, or of one sign through all training; `shunting` divides what the rest sums to
    nonlinearity: of each synapse by itself, before the compartment integrates
    shuffle: whether compartments exchange what was drawn for them, at random, with others of their group and layer
    trainable: whether the weights are learnt
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

    KEYS = ("count", "from", "field", "group", "nonlinearity", "sign", "init", "replace", "shuffle", "trainable")
    # Key, the value of it that goes with any field, and the fields that it may be turned for.
    ONLY_WITH = (("replace", False, ("random", "pooled")), ("group", 1, ("global",)))

    def __post_init__(self) -> None:
        check_kind(self, "init", Init)
        as_tuple(self, "sources", str)
        if self.nonlinearity is not None:
            check_kind(self, "nonlinearity", Nonlinearity)
        check_no_arrays(self)

    @classmethod
    def read(cls, cursor: Cursor, defaults: Cursor | None) -> Synapses:
        """One mapping of the synapse keys."""
        if not cursor.keys(cls.KEYS, such_as="{count: 16, from: previous, field: random}"):
            return cls("all")
        declared = WithDefaults(cursor, defaults)
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

    @classmethod
    def read_settings(cls, declared: WithDefaults) -> dict[str, Any]:
        """What is set, key by key; what the settings mean together is for `read` to see."""
        settings: dict[str, Any] = {}
        if count_at := declared.get("count"):
            every = isinstance(count_at.value, str) and count_at.value == "all"
            settings["count"] = "all" if every else count_at.whole(0, ", or all")
        if from_at := declared.get("from"):
            settings["sources"] = _sources(from_at)
        if field_at := declared.get("field"):
            settings["field"] = field_at.choice("field", known_fields())
        if init_at := declared.get("init"):
            settings["init"] = Init.read(init_at)
        if replace_at := declared.get("replace"):
            settings["replace"] = replace_at.flag()
        if shuffle_at := declared.get("shuffle"):
            settings["shuffle"] = shuffle_at.flag()
        if trainable_at := declared.get("trainable"):
            settings["trainable"] = trainable_at.flag()
        if group_at := declared.get("group"):
            settings["group"] = group_at.whole(1)
        if sign_at := declared.get("sign"):
            settings["sign"] = sign_at.choice("sign", Sign) or Sign.FREE
        if (nonlinearity_at := declared.get("nonlinearity")) and nonlinearity_at.value is not None:
            settings["nonlinearity"] = Nonlinearity.read(nonlinearity_at, learnable=False)
        return settings

    def to_dict(self) -> dict[str, Any]:
        """The mapping that `read` takes."""
        return {
            **({} if self.field == self.count == "all" else {"count": self.count}),
            "from": self.sources[0] if len(self.sources) == 1 else list(self.sources),
            "field": self.field,
            "init": self.init.to_dict(),
            **not_default(self, ("replace", "group", "sign", "shuffle", "trainable")),
            **({"nonlinearity": self.nonlinearity.to_dict()} if self.nonlinearity else {}),
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

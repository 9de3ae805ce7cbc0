"""The cable from a dendrite to its parent compartment: how its weight starts, and what is lost on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from dendrograph.morphology.validation import WithDefaults, check_kind, check_no_arrays, not_default, where
from dendrograph.morphology.weights import Init, Sign

ATTENUATIONS = ("factor", "initial")
INFINITE, SEALED = ENDS = ("infinite", "sealed")
SIGNS = (Sign.FREE, Sign.EXCITATORY)
UM_PER_CM = 1e4
LEAST = 1e-30  # of an attenuation: less is nothing, in float32


@dataclass(frozen=True)
class Cable:
    """The edge from a dendrite to its parent; all copies of a dendrite have cables of one length and diameter.

    A passive cable loses a part of the voltage on its way from the dendrite to the parent. In the steady state, with
    l = L / lambda and lambda = sqrt(d Rm / (4 Ra)), it passes

        a = exp(-l)                                  `ends: infinite`
        a = 1 / (cosh(l) + G / G_inf sinh(l))        `ends: sealed`

    where G_inf = pi/2 d^(3/2) / sqrt(Rm Ra) is the input conductance of an endless cable, and G that of all that is
    joined to the parent's end: see `graph.tree` for how G is found (Rall, Experimental Neurology 1 (1959); Rall &
    Rinzel, Biophysical Journal 13 (1973); Koch, Biophysics of Computation, 1999). With `attenuation` `factor` the
    parent gets a w y, with a fixed and w from `init`; with `initial` the weight w starts at a, and is trained from
    there. Without a length a is 1.

    init: how the weight starts
    sign: `free`, or `excitatory` for a weight that stays positive
    trainable: whether the weight is learnt
    length_um, diameter_um: L and d, in µm; both or none (0)
    rm_ohm_cm2: Rm, the specific membrane resistance, in Ω cm²
    ra_ohm_cm: Ra, the axial resistivity, in Ω cm
    attenuation: `factor` or `initial`
    ends: `infinite`, or `sealed` for a cable in a finite tree
    """

    init: Init = Init()
    sign: str = Sign.FREE
    trainable: bool = True
    length_um: float = 0.0
    diameter_um: float = 0.0
    rm_ohm_cm2: float = 20_000.0
    ra_ohm_cm: float = 150.0
    attenuation: str = "factor"
    ends: str = INFINITE

    LENGTHS = ("length_um", "diameter_um", "rm_ohm_cm2", "ra_ohm_cm")
    KEYS = ("init", "sign", "trainable", *LENGTHS, "attenuation", "ends")

    def __post_init__(self) -> None:
        check_kind(self, "init", Init)
        check_no_arrays(self)

    @property
    def lambda_um(self) -> float:
        """The length constant, in µm."""
        diameter_cm = self.diameter_um / UM_PER_CM
        return UM_PER_CM * math.sqrt(diameter_cm * self.rm_ohm_cm2 / (4 * self.ra_ohm_cm))

    @property
    def endless_conductance(self) -> float:
        """G_inf, the input conductance of a cable of this diameter without end, in S."""
        diameter_cm = self.diameter_um / UM_PER_CM
        return math.pi / 2 * diameter_cm**1.5 / math.sqrt(self.rm_ohm_cm2 * self.ra_ohm_cm)

    def conductance(self, load: float) -> float:
        """The input conductance at one end, in S, with a conductance `load` at the other.

        Of a finite cable G_inf (B + tanh(l)) / (1 + B tanh(l)), with B = load / G_inf. A cable without a length is no
        cable at all: what is joined to one end is joined to the other.
        """
        if not self.diameter_um:
            return load
        if self.ends == INFINITE:
            return self.endless_conductance
        relative, passed = load / self.endless_conductance, math.tanh(self.length_um / self.lambda_um)
        return self.endless_conductance * (relative + passed) / (1 + relative * passed)

    def passes(self, load: float = 0.0) -> float:
        """The share of the dendrite's voltage that is left at the parent's end, where the conductance is `load`, in S.

        With a load of G_inf a finite cable passes what an infinite one does; without one, 1 / cosh(l).
        """
        if not self.diameter_um:
            return 1.0
        if self.ends == INFINITE:
            return math.exp(-self.length_um / self.lambda_um)
        length = min(self.length_um / self.lambda_um, 700.0)  # beyond it cosh is no finite number
        return 1 / (math.cosh(length) + load / self.endless_conductance * math.sinh(length))

    @classmethod
    def read(cls, declared: WithDefaults) -> Cable:
        """The mapping of a dendrite, together with the file's defaults for it."""
        for cursor in (declared.own, declared.defaults):
            if cursor:
                cursor.keys(cls.KEYS, such_as="{init: he}")
        settings: dict[str, Any] = {}
        if init_at := declared.get("init"):
            settings["init"] = Init.read(init_at)
        if sign_at := declared.get("sign"):
            settings["sign"] = sign_at.choice("sign of a cable", SIGNS) or Sign.FREE
        if trainable_at := declared.get("trainable"):
            settings["trainable"] = trainable_at.flag()
        for key in cls.LENGTHS:
            if length_at := declared.get(key):
                settings[key] = length_at.number(above=0.0) or getattr(cls, key)  # 0 stands for what cannot be read
        if attenuation_at := declared.get("attenuation"):
            settings["attenuation"] = attenuation_at.choice("attenuation", ATTENUATIONS) or ATTENUATIONS[0]
        if ends_at := declared.get("ends"):
            settings["ends"] = ends_at.choice("kind of ends", ENDS) or INFINITE
        return cls(**settings)

    @classmethod
    def read_whole(cls, declared: WithDefaults) -> Cable:
        """The same, held together: what the settings mean with each other is seen here, and not in defaults alone."""
        cable = cls.read(declared)
        at = declared.own or declared.defaults
        if at is None:
            return cable
        place = where(at, declared.defaults)

        def fault(problem: str, remedy: str, key: str) -> None:
            at.faults.add(place.fault(problem, remedy, key))

        given = {key for key in cls.KEYS if declared.get(key)}
        both = {"length_um", "diameter_um"}
        if not given & both:
            of_lengths = ("rm_ohm_cm2", "ra_ohm_cm", "attenuation", "ends")
            for key in of_lengths:
                if declared.is_own(key):
                    fault(f"'{key}' says nothing without a length", "give length_um and diameter_um", key)
            # What defaults say of lengths is for the cables that have one.
            cable = replace(cable, **{key: getattr(cls, key) for key in of_lengths})
        elif missing := both - given:
            at.keys(cls.KEYS, dict.fromkeys(missing, "a cable that attenuates has length_um and diameter_um"))
        elif cable.passes() < LEAST:
            length, constant = f"{cable.length_um:g} µm", f"{cable.lambda_um:.3g} µm"
            problem = f"a cable of {length} passes nothing: its length constant is {constant}"
            fault(problem, "lengths are in µm, rm_ohm_cm2 in Ω cm² and ra_ohm_cm in Ω cm", "length_um")
        if cable.attenuation == "initial":
            if "init" in given and not declared.more_local("attenuation", than="init"):
                fault("the weight starts at the attenuation", "leave init out, or write attenuation: factor", "init")
            cable = replace(cable, init=Init())
        elif wrong := cable.init.contradicts(cable.sign):
            fault(*wrong, "init")
        return cable

    def to_dict(self) -> dict[str, Any]:
        """The mapping that `read` takes."""
        own_init = {} if self.attenuation == "initial" and self.init == Init() else {"init": self.init.to_dict()}
        return {**own_init, **not_default(self, (key for key in self.KEYS if key != "init"))}

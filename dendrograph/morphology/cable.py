"""The cable from a dendrite to its parent compartment: its initial weight, and the attenuation along it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from dendrograph.morphology.grammar import Key, Keys, read_keys
from dendrograph.morphology.validation import WithDefaults, check_kind, check_no_arrays, not_default, where
from dendrograph.morphology.weights import INIT, Init, Sign

ATTENUATIONS = ("factor", "initial")
INFINITE, SEALED = ENDS = ("infinite", "sealed")
UM_PER_CM = 1e4
LEAST = 1e-30  # a smaller attenuation is 0 in float32


@dataclass(frozen=True)
class Cable:
    """The edge from a dendrite to its parent. All copies of a dendrite have cables of the same length and diameter.

    A passive cable loses a part of the voltage on its way from the dendrite to the parent. In the steady state, with
    l = L / lambda and lambda = sqrt(d Rm / (4 Ra)), the share of the voltage that reaches the parent is

        a = exp(-l)                                  `ends: infinite`
        a = 1 / (cosh(l) + G / G_inf sinh(l))        `ends: sealed`

    where G_inf = pi/2 d^(3/2) / sqrt(Rm Ra) is the input conductance of an endless cable, and G is the conductance of
    everything that is joined to the parent's end; `graph.tree` computes G (Rall, Experimental Neurology 1 (1959); Rall
    & Rinzel, Biophysical Journal 13 (1973); Koch, Biophysics of Computation, 1999). With `attenuation: factor` the
    parent gets a w y, with a fixed and w from `init`. With `attenuation: initial` the weight w starts at a and is
    trained from there. Without a length, a is 1.

    Attributes:
        init: the rule for the initial weight.
        sign: `free`, or `excitatory` for a weight that stays positive.
        trainable: whether the weight is trained.
        length_um: L, in µm. Length and diameter are both given, or both 0.
        diameter_um: d, in µm.
        rm_ohm_cm2: Rm, the specific membrane resistance, in Ω cm².
        ra_ohm_cm: Ra, the axial resistivity, in Ω cm.
        attenuation: `factor` or `initial`.
        ends: `infinite`, or `sealed` for a cable in a finite tree.
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

    KEYS: ClassVar[Keys] = {
        "init": INIT,
        "sign": Key.choice(
            "sign of a cable", (Sign.FREE, Sign.EXCITATORY), "excitatory: a weight that stays positive."
        ),
        "trainable": Key.flag("Whether the weight is trained."),
        "length_um": Key.number("Length, in µm.", above=0.0),
        "diameter_um": Key.number("Diameter, in µm.", above=0.0),
        "rm_ohm_cm2": Key.number("Specific membrane resistance, in Ω cm².", above=0.0),
        "ra_ohm_cm": Key.number("Axial resistivity, in Ω cm.", above=0.0),
        "attenuation": Key.choice("attenuation", ATTENUATIONS, "A fixed factor, or the initial value of the weight."),
        "ends": Key.choice("kind of ends", ENDS, "infinite: exp(-L/λ); sealed: a finite, branching cable."),
    }

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
        """G_inf, the input conductance of an endless cable of this diameter, in S."""
        diameter_cm = self.diameter_um / UM_PER_CM
        return math.pi / 2 * diameter_cm**1.5 / math.sqrt(self.rm_ohm_cm2 * self.ra_ohm_cm)

    def conductance(self, load: float) -> float:
        """The input conductance at one end, in S, with a conductance `load` (S) at the other end.

        A finite cable has G_inf (B + tanh(l)) / (1 + B tanh(l)), with B = load / G_inf. A cable without a length joins
        both ends directly.
        """
        if not self.diameter_um:
            return load
        if self.ends == INFINITE:
            return self.endless_conductance
        relative, passed = load / self.endless_conductance, math.tanh(self.length_um / self.lambda_um)
        return self.endless_conductance * (relative + passed) / (1 + relative * passed)

    def passes(self, load: float = 0.0) -> float:
        """The share of the dendrite's voltage at the parent's end, where the conductance is `load`, in S.

        With a load of G_inf a finite cable passes as much as an infinite one; without a load, 1 / cosh(l).
        """
        if not self.diameter_um:
            return 1.0
        if self.ends == INFINITE:
            return math.exp(-self.length_um / self.lambda_um)
        length = min(self.length_um / self.lambda_um, 700.0)  # cosh overflows beyond it
        return 1 / (math.cosh(length) + load / self.endless_conductance * math.sinh(length))

    @classmethod
    def read(cls, declared: WithDefaults) -> Cable:
        """Read the mapping of a dendrite's cable together with the file's defaults for cables."""
        for cursor in (declared.own, declared.defaults):
            if cursor:
                cursor.keys(cls.KEYS, such_as="{init: he}")
        return cls(**read_keys(declared, cls.KEYS))

    @classmethod
    def read_whole(cls, declared: WithDefaults) -> Cable:
        """Read a cable, and check its settings against each other, which the defaults alone cannot show."""
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
            for key in filter(declared.is_own, of_lengths):
                fault(f"'{key}' says nothing without a length", "give length_um and diameter_um", key)
            # Defaults of these keys apply only to the cables that have a length.
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
        """Return the mapping that `read` takes."""
        own_init = {} if self.attenuation == "initial" and self.init == Init() else {"init": self.init.to_dict()}
        return {**own_init, **not_default(self, (key for key in self.KEYS if key != "init"))}

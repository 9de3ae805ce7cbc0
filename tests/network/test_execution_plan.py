"""Which kernel runs what, and why each other one does not."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from models import PAPERS
from trees import BUILT, CORNERS, KERNELS, SPARSE, random_case

from dendrograph import DendrographError, Morphology, compile, load
from dendrograph.graph.graph import Graph, Projection
from dendrograph.network.execution_plan import CROSSOVER, ExecutionPlan, KernelChoice, PassChoice, plan
from dendrograph.network.kernels import KERNELS as REGISTRY
from dendrograph.network.kernels.branch import CURVES, SLOPES

NAMES = [kernel.name for kernel in REGISTRY]
CASES = [*CORNERS, *(random_case(seed) for seed in range(25))]


def _graph(**knobs: int) -> Graph:
    return compile(load("dann-lrf", {"dendrites": 3, "somata": 8, "synapses": 5, **knobs}), (28, 28))


def test_the_kernels_of_the_tests_are_those_of_the_registry() -> None:
    assert {*KERNELS, "compiled"} == {"auto", *NAMES}


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_projection_has_one_kernel_that_can_serve_it(kernel: str) -> None:
    for case in CASES:
        graph = case.compile()
        made = plan(graph, kernel)
        assert [choice.projection for choice in made.choices] == [projection.name for projection in graph.projections]
        for projection, choice in zip(graph.projections, made.choices, strict=True):
            assert choice.kernel in REGISTRY
            assert choice.kernel.reasons_against(projection) == ()
            refused = [name for name, _ in choice.refusals]
            assert sorted([choice.kernel.name, *refused]) == sorted(NAMES), "each is chosen or refused, once"
            assert all(reason for _, reason in choice.refusals)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS[1:])
def test_a_forced_kernel_runs_wherever_it_can_and_says_why_it_cannot(kernel: str) -> None:
    served = 0
    for case in CASES:
        graph = case.compile()
        made = plan(graph, kernel)
        within = {one.cables: f"within the pass over {one.group}" for one in made.passes}
        for projection, choice in zip(graph.projections, made.choices, strict=True):
            forced = next(entry for entry in REGISTRY if entry.name == kernel)
            if reasons := forced.reasons_against(projection):
                assert choice.kernel is not forced
                assert dict(choice.refusals)[kernel] == "; ".join(reasons)
            else:
                served += 1
                assert (choice.kernel, choice.reason) == (forced, within.get(choice.projection, "asked for"))
                for name, reason in choice.refusals:
                    able = not next(entry for entry in REGISTRY if entry.name == name).reasons_against(projection)
                    instead = f"{kernel} comes first"
                    if choice.projection in within:
                        able, instead = True, "the pass sums them on its way"
                    assert (reason == instead) == able or name == "dense"
    assert served >= 20


def test_where_a_forced_kernel_cannot_serve_the_rest_is_planned_as_ever() -> None:
    graph = _graph()
    auto = {choice.projection: choice.kernel for choice in plan(graph).choices}
    served = [choice for choice in plan(graph, "tree").choices if choice.kernel.name != "tree"]
    assert len(served) == 2
    for choice in served:
        assert choice.kernel is auto[choice.projection]


def test_auto_takes_each_kernel_where_it_belongs() -> None:
    made = plan(_graph())
    assert [(choice.projection, choice.kernel.name) for choice in made.choices] == [
        ("image->hidden/dendrite", SPARSE),
        ("hidden/dendrite->hidden/soma", "compiled" if BUILT else "tree"),
        ("hidden/soma->readout", "dense"),
    ]
    within = {one.cables: f"within the pass over {one.group}" for one in made.passes}
    assert len(within) == BUILT
    for choice in made.choices:
        assert choice.reason == within.get(choice.projection, choice.kernel.description)


@pytest.mark.parametrize("model", PAPERS)
def test_auto_never_falls_back_on_the_slow_kernels(model: str) -> None:
    graph = compile(load(model), (28, 28))
    assert {choice.kernel.name for choice in plan(graph).choices} <= {"tree", "dense", SPARSE}


def _sampled(sources: int, fan_in: int) -> Graph:
    graph = _graph()
    pairs = (np.tile(np.arange(fan_in) * 2 % sources, 6), np.repeat(np.arange(6), fan_in))
    projection = graph.projections[0]
    sampled = Projection("sampled", "synapse", "image", "there", sources, 6, projection.init, pairs)
    return Graph(graph.name, graph.groups[:1], (sampled,), graph.inputs, graph.classes, graph.seed)


def test_sampled_wiring_is_dense_from_the_crossover_on() -> None:
    sources = 1000
    at = round(CROSSOVER[SPARSE] * sources)
    (below,), (above,) = plan(_sampled(sources, at - 1)).choices, plan(_sampled(sources, at + 1)).choices
    assert (below.kernel.name, above.kernel.name) == (SPARSE, "dense")
    reason = dict(below.refusals)["dense"]
    assert f"density {(at - 1) / sources:.3g} is below {CROSSOVER[SPARSE]}" in reason
    assert dict(above.refusals)[SPARSE] == "dense comes first"
    (forced,) = plan(_sampled(sources, 2), "dense").choices
    assert (forced.kernel.name, forced.reason) == ("dense", "asked for"), "asked for, it runs below the crossover too"


def test_the_plan_prints_the_choice_and_each_refusal() -> None:
    lines = str(plan(_graph())).splitlines()
    kernel = next(kernel for kernel in REGISTRY if kernel.name == SPARSE)
    assert lines.pop(0) == f"image->hidden/dendrite: {SPARSE} ({kernel.description})"
    cables = "hidden/dendrite->hidden/soma"
    if BUILT:
        assert lines.pop(0) == f"    in one pass with bias and nonlinearity of hidden/dendrite and its cables, {cables}"
    assert lines.pop(0) == "    not tree: 784 sources do not divide evenly among 24 targets"
    assert lines.pop(0).startswith("    not dense: density 0.00638 is below ")
    if BUILT:
        assert lines[:3] == [
            "    not fused, scatter, reference: compiled comes first",
            f"{cables}: compiled (within the pass over hidden/dendrite)",
            "    not tree, dense, fused, scatter, reference: the pass sums them on its way",
        ]
    else:
        assert lines[:3] == [
            "    not compiled: it was not built: the package was installed without a C++ compiler",
            "    not scatter, reference: fused comes first",
            f"{cables}: tree (batched product over parents, no index)",
        ]
        assert lines[-1] == "hidden/dendrite: not in one pass with its cables: its synapses run by fused"
    assert str(plan(_graph(), "fused")).splitlines()[0] == "image->hidden/dendrite: fused (asked for)"


@pytest.mark.parametrize(
    ("asked", "near"),
    [("dens", "dense"), ("Fused", "fused"), ("treee", "tree"), ("referense", "reference"), ("aut", "auto")],
)
def test_an_unknown_kernel_is_refused_and_the_nearest_named(asked: str, near: str) -> None:
    with pytest.raises(DendrographError) as refused:
        plan(_graph(), asked)
    first, second = str(refused.value).splitlines()
    assert first == f"unknown kernel '{asked}'"
    assert second.startswith(f"  did you mean '{near}'? ")
    assert all(name in second for name in ("auto", *NAMES))


def test_where_no_kernel_is_near_all_are_listed() -> None:
    with pytest.raises(DendrographError) as refused:
        plan(_graph(), "cuda")
    assert "did you mean" not in str(refused.value)
    assert all(name in str(refused.value) for name in ("auto", *NAMES))


def test_a_plan_is_the_same_every_time_and_its_own_copy() -> None:
    graph = _graph()
    one = plan(graph)
    assert isinstance(one, ExecutionPlan) and isinstance(one.choices[0], KernelChoice)
    assert one == plan(graph)
    assert copy.deepcopy(one) is one


# --- one pass over dendrites ------------------------------------------------------------------------------------------


def _of_dendrites(**dendrite: Any) -> Graph:
    """A layer whose dendrites are as said, with three sampled synapses each where nothing else is."""
    return _of_cell({"dendrites": [{"name": "d", "count": 3, "synapses": {"count": 3, "from": "image"}, **dendrite}]})


def _of_cell(cell: dict[str, Any]) -> Graph:
    neurons = {"cell": cell, "point": {"synapses": [{"count": 2, "from": "sound"}, {"from": "here", "field": "all"}]}}
    layers = [{"name": "here", "neuron": "cell", "count": 4}, {"name": "last", "neuron": "point", "count": 5}]
    inputs = {"image": "auto", "sound": "auto"}
    declared = {"name": "one", "inputs": inputs, "neurons": neurons, "layers": layers}
    return compile(Morphology.from_dict(declared), {"image": (10, 10), "sound": (90,)})


def _with_cables_crossed(graph: Graph) -> Graph:
    (cables,) = (one for one in graph.projections if one.kind == "cable")
    crossed = replace(cables, pairs=(np.arange(12).reshape(3, 4).T.ravel(), np.repeat(np.arange(4), 3)))
    return replace(graph, projections=tuple(crossed if one is cables else one for one in graph.projections))


built_only = pytest.mark.skipif(not BUILT, reason="the compiled kernel is not built")


@built_only
@pytest.mark.parametrize(
    "nonlinearity",
    [*SLOPES, *CURVES, {"name": "leaky_relu", "slope": -0.5}, {"name": "nmda", "gain": 9.0}],
    ids=str,
)
@pytest.mark.parametrize("kernel", ["auto", "compiled"])
def test_dendrites_that_run_in_one_pass(nonlinearity: Any, kernel: str) -> None:
    made = plan(_of_dendrites(nonlinearity=nonlinearity), kernel)
    assert made.passes == (
        PassChoice(group="here/d", parent="here/soma", synapses="image->here/d", cables="here/d->here/soma"),
    )
    assert made.not_in_one_pass == ()
    lines = str(made).splitlines()
    assert "    in one pass with bias and nonlinearity of here/d and its cables, here/d->here/soma" in lines
    assert "here/d->here/soma: compiled (within the pass over here/d)" in lines


def test_each_group_of_dendrites_runs_once() -> None:
    """Where one pass gives what the next dendrites integrate, those take it as it is: their synapses are cables."""
    tuft = {"name": "t", "count": 2, "synapses": {"count": 3, "from": "image"}}
    trunk = {"name": "d", "count": 2, "dendrites": [tuft]}
    deep = _of_cell({"dendrites": [trunk]})
    for graph in (deep, *(case.compile() for case in CASES)):
        for kernel in ("auto", *KERNELS[1:]):
            made = plan(graph, kernel)
            inside = {one.group for one in made.passes}
            source = {projection.name: projection.source for projection in graph.projections}
            assert not inside & {source[one.synapses] for one in made.passes}
            assert {name for name, _ in made.not_in_one_pass}.isdisjoint(inside)
            dendrites = {group.name for group in graph.groups if group.role == "dendrite"}
            assert inside | {name for name, _ in made.not_in_one_pass} == dendrites


@built_only
@pytest.mark.parametrize(
    ("graph", "kernel", "reason"),
    [
        (_of_dendrites(), "fused", "fused was asked for"),
        (_of_dendrites(), "tree", "tree was asked for"),
        (
            _of_dendrites(synapses=[{"count": 3, "from": "image"}, {"count": 2, "from": "sound"}]),
            "auto",
            "2 projections reach it, and the pass serves one",
        ),
        (_of_dendrites(synapses={"from": "image", "field": "all"}), "auto", "its synapses run by dense"),
        (
            _of_dendrites(nonlinearity={"name": "nmda", "gain": {"value": 4.0, "trainable": "compartment"}}),
            "auto",
            "the pass takes parameters that are fixed, and nmda learns its gain",
        ),
        (
            _of_dendrites(nonlinearity={"name": "nmda", "gain": 1e20}),
            "auto",
            "the pass does not compute with numbers as large or small as gain=1e+20",
        ),
        (_of_dendrites(dropout=0.2), "auto", "dropout acts on it"),
        (
            _with_cables_crossed(_of_dendrites()),
            "auto",
            "the children of a parent are not contiguous, or not equally many",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_why_dendrites_do_not_run_in_one_pass(graph: Graph, kernel: str, reason: str) -> None:
    made = plan(graph, kernel)
    assert made.passes == ()
    assert made.not_in_one_pass == (("here/d", reason),)
    assert str(made).splitlines()[-1] == f"here/d: not in one pass with its cables: {reason}"
    assert "    in one pass with" not in str(made)


@built_only
def test_on_another_device_nothing_runs_in_one_pass() -> None:
    made = plan(_of_dendrites(), device="cuda")
    assert made.not_in_one_pass == (("here/d", "its synapses run by fused"),)
    for choice in made.choices:
        assert dict(choice.refusals)["compiled"] == "it runs on CPUs, and the network is on cuda"

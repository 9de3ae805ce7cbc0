"""Which kernel runs what, and why each other one does not."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from trees import CORNERS, KERNELS, random_case

from dendrograph import DendrographError, compile, load
from dendrograph.graph import Graph, Projection
from dendrograph.kernels import KERNELS as REGISTRY
from dendrograph.library import shipped
from dendrograph.plan import CROSSOVER, Choice, Plan, plan

NAMES = [kernel.NAME for kernel in REGISTRY]
CASES = [*CORNERS, *(random_case(seed) for seed in range(25))]


def _graph(**knobs: int) -> Graph:
    return compile(load("dann-lrf", {"dendrites": 3, "somata": 8, "synapses": 5, **knobs}), (28, 28))


def test_the_kernels_of_the_tests_are_those_of_the_registry() -> None:
    assert set(KERNELS) == {"auto", *NAMES}


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
            assert sorted([choice.kernel.NAME, *refused]) == sorted(NAMES), "each is chosen or refused, once"
            assert all(reason for _, reason in choice.refusals)


@pytest.mark.parametrize("kernel", NAMES)
def test_a_forced_kernel_runs_wherever_it_can_and_says_why_it_cannot(kernel: str) -> None:
    served = 0
    for case in CASES:
        graph = case.compile()
        for projection, choice in zip(graph.projections, plan(graph, kernel).choices, strict=True):
            forced = next(entry for entry in REGISTRY if entry.NAME == kernel)
            if reasons := forced.reasons_against(projection):
                assert choice.kernel is not forced
                assert dict(choice.refusals)[kernel] == "; ".join(reasons)
            else:
                served += 1
                assert (choice.kernel, choice.reason) == (forced, "asked for")
                for name, reason in choice.refusals:
                    able = not next(entry for entry in REGISTRY if entry.NAME == name).reasons_against(projection)
                    assert (reason == f"{kernel} stands before it") == able or name == "dense"
    assert served >= 20


def test_where_a_forced_kernel_cannot_serve_the_rest_is_planned_as_ever() -> None:
    graph = _graph()
    auto = {choice.projection: choice.kernel for choice in plan(graph).choices}
    for projection, choice in zip(graph.projections, plan(graph, "tree").choices, strict=True):
        if choice.kernel.NAME != "tree":
            assert choice.kernel is auto[projection.name]


def test_auto_takes_each_kernel_where_it_belongs() -> None:
    made = plan(_graph())
    assert [(choice.projection, choice.kernel.NAME) for choice in made.choices] == [
        ("image->hidden/dendrite", "fused"),
        ("hidden/dendrite->hidden/soma", "tree"),
        ("hidden/soma->readout", "dense"),
    ]
    for choice in made.choices:
        assert choice.reason == choice.kernel.HOW


@pytest.mark.parametrize("model", shipped())
def test_auto_never_falls_back_on_the_slow_kernels(model: str) -> None:
    graph = compile(load(model), (28, 28))
    assert {choice.kernel.NAME for choice in plan(graph).choices} <= {"tree", "dense", "fused"}


def _sampled(sources: int, fan_in: int) -> Graph:
    graph = _graph()
    pairs = (np.tile(np.arange(fan_in) * 2 % sources, 6), np.repeat(np.arange(6), fan_in))
    projection = graph.projections[0]
    sampled = Projection("sampled", "synapse", "image", "there", sources, 6, projection.init, pairs)
    return Graph(graph.name, graph.groups, (sampled,), graph.inputs, graph.classes, graph.seed)


def test_sampled_wiring_is_dense_from_the_crossover_on() -> None:
    sources = 1000
    at = round(CROSSOVER * sources)
    (below,), (above,) = plan(_sampled(sources, at - 1)).choices, plan(_sampled(sources, at + 1)).choices
    assert (below.kernel.NAME, above.kernel.NAME) == ("fused", "dense")
    reason = dict(below.refusals)["dense"]
    assert f"density {(at - 1) / sources:.3g} is below {CROSSOVER}" in reason
    assert dict(above.refusals)["fused"] == "dense stands before it"
    (forced,) = plan(_sampled(sources, 2), "dense").choices
    assert (forced.kernel.NAME, forced.reason) == ("dense", "asked for"), "asked for, it runs below the crossover too"


def test_the_plan_prints_the_choice_and_each_refusal() -> None:
    made = plan(_graph())
    lines = str(made).splitlines()
    assert len(lines) == 3 * len(NAMES)
    assert lines[0] == "image->hidden/dendrite: fused (gather, multiply and sum in one pass)"
    assert lines[1] == "    not tree: 784 sources do not divide evenly among 24 targets"
    assert lines[2].startswith("    not dense: density 0.00638 is below ")
    assert lines[3] == "    not scatter: fused stands before it"
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
    assert isinstance(one, Plan) and isinstance(one.choices[0], Choice)
    assert one == plan(graph)
    assert copy.deepcopy(one) is one

"""The laws of the engine, to which every kernel is held on random trees and on the corners of the language."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from cases import for_each
from torch import Tensor
from trees import (
    BUILT,
    BUILT_IN,
    CORNERS,
    COVERING,
    KERNELS,
    Case,
    assert_same,
    gradients,
    inputs_of,
    random_case,
)

from dendrograph import DendriticNetwork
from dendrograph.graph.graph import Projection
from dendrograph.morphology.neuron import INTEGRATIONS
from dendrograph.morphology.receptive_fields import BUILT_IN as BUILT_IN_FIELDS
from dendrograph.morphology.weights import Sign

ROOT = Path(__file__).resolve().parents[2]
RANDOM = tuple(random_case(seed) for seed in range(60))
CASES = (*CORNERS, *RANDOM)
FEW = (*CORNERS[:14], *RANDOM[:10])  # where the corners' eleven nonlinearities would only repeat themselves

every_case = pytest.mark.parametrize("case", CASES, ids=str)
few_cases = pytest.mark.parametrize("case", FEW, ids=str)
every_kernel = pytest.mark.parametrize("kernel", KERNELS)
each_kernel = for_each("kernel", KERNELS)  # all in one item, of each case


def test_the_cases_hold_everything_the_language_has() -> None:
    counted = Counter(feature for case in RANDOM for feature in case.features())
    wanted = {f"field {field}" for field in BUILT_IN_FIELDS}
    wanted |= {f"sign {sign}" for sign in Sign} | {f"integration {rule}" for rule in INTEGRATIONS}
    wanted |= {"layer excitatory", "layer inhibitory", "one parameter a group", "one parameter a compartment"}
    wanted |= {"attenuation factor", "attenuation initial", "fixed cable", "excitatory cable"}
    wanted |= {"nonlinear synapse", "normalisation"}
    wanted |= {f"init {init}" for init in ("glorot", "glorot_dense", "he", "constant")}
    wanted |= {f"nonlinearity {name}" for name in BUILT_IN} | {f"depth {depth}" for depth in range(4)}
    wanted |= {"channels", "dropout", "group", "no bias", "repeat", "replace", "several entries", "several layers"}
    wanted |= {"several sources", "several streams", "siblings that differ", "silent", "skip connection", "stack"}
    wanted |= {"synapses beside children"}
    assert set(counted) == wanted
    assert min(counted.values()) >= 3
    assert {f"nonlinearity {name}" for name in BUILT_IN} <= {f for case in CORNERS for f in case.features()}
    covered = Counter(feature for case in COVERING for feature in case.features())
    assert set(covered) == wanted
    assert min(covered.values()) >= 3


def test_every_kernel_runs_projections_of_the_cases() -> None:
    taken = Counter(
        (kernel, choice.kernel.name)
        for case in RANDOM
        for kernel in KERNELS
        for choice in case.build(kernel).plan.choices
    )
    idle = {"reference", *(("fused",) if BUILT else ())}  # `auto` has a better one for what they serve
    for kernel in KERNELS[1:]:
        assert taken[kernel, kernel] >= 30, "a forced kernel must be the one that runs, else its laws hold for nothing"
        assert (taken["auto", kernel] >= 5) == (kernel not in idle)


def test_passes_run_in_the_cases() -> None:
    passes = Counter(kernel for case in CASES for kernel in KERNELS for _ in case.build(kernel).plan.passes)
    assert set(passes) == ({"auto", "compiled"} if BUILT else set())
    assert not BUILT or (passes["auto"] >= 3 and passes["compiled"] >= 30)


@cache
def _by_reference(case: Case, batch: int) -> tuple[Tensor, dict[str, Tensor]]:
    network = case.build("reference")
    return gradients(network, inputs_of(network.graph, batch))


@every_case
def test_kernels_agree_with_reference(case: Case) -> None:
    expected = _by_reference(case, 3)
    for kernel in KERNELS:
        network = case.build(kernel)
        # A group of nearly equal values that is normalised magnifies the last digits.
        tolerance = 1e-8 if "normalisation" in case.features() else 1e-11
        assert_same(gradients(network, inputs_of(network.graph, 3)), expected, tolerance)


def test_what_the_agreement_compares_is_not_nothing() -> None:
    for case in RANDOM:
        logits, found = _by_reference(case, 3)
        assert logits.abs().max() > 0
        assert sum(float(gradient.abs().sum()) for gradient in found.values()) > 0
    alive = [
        float((g != 0).double().mean()) for case in RANDOM for g in _by_reference(case, 3)[1].values() if g.numel()
    ]
    assert np.mean(alive) > 0.6


@few_cases
def test_kernels_agree_with_reference_in_float32(case: Case) -> None:
    expected = case.build("reference").float()
    x = inputs_of(expected.graph, 5, torch.float32)
    for kernel in KERNELS:
        assert_same(gradients(case.build(kernel).float(), x), gradients(expected, x), 2e-5)


def test_kernels_agree_while_training_with_dropout() -> None:
    cases = [case for case in RANDOM if "dropout" in case.features()]
    changed = 0
    for case in cases:
        found = []
        for kernel in KERNELS:
            network = case.build(kernel).train()
            torch.manual_seed(3)
            found.append(gradients(network, inputs_of(network.graph, 4)))
            assert_same(found[-1], found[0], 1e-11)
        changed += not torch.equal(found[0][0], case.build().eval()(inputs_of(network.graph, 4)))
    assert changed >= len(cases) // 2, "dropout must do something while training"


GRADIENTS = tuple(
    case
    for case in CORNERS
    if case.name.startswith(
        ("synapses on", "two streams", "a silent dendrite that", "synapses and dendrites", "shunting", "excitability")
    )
)


@pytest.mark.parametrize("case", GRADIENTS, ids=str)
@each_kernel
def test_first_and_second_derivatives_of_a_network(case: Case, kernel: str) -> None:
    network = case.build(kernel)
    x = inputs_of(network.graph, 2)
    names = [*dict(network.named_parameters())]
    values = [*x.values(), *network.parameters()]

    def logits(*given: Tensor) -> Tensor:
        inputs = dict(zip(x, given, strict=False))
        return torch.func.functional_call(network, dict(zip(names, given[len(x) :], strict=True)), (inputs,))

    values = [value.detach().clone().requires_grad_() for value in values]
    assert torch.autograd.gradcheck(logits, values, fast_mode=True)
    assert torch.autograd.gradgradcheck(logits, values, fast_mode=True)


def _renumbered(projection: Projection, source: np.ndarray, target: np.ndarray) -> tuple[Projection, np.ndarray]:
    """The projection between groups whose unit i is now source[i] or target[i], and where its weights now stand."""
    s, t = projection.endpoints()
    s, t = source[s], target[t]
    order = np.lexsort((s, t))
    pairs = None if projection.pairs is None else (s[order], t[order])
    return replace(projection, pairs=pairs), order


@few_cases
@each_kernel
def test_renumbering_nodes_and_edges_changes_nothing(case: Case, kernel: str) -> None:
    network = case.build(kernel)
    graph, rng = network.graph, np.random.default_rng(11)
    number = {group.name: rng.permutation(group.size) for group in graph.groups}
    projections, order = {}, {}
    for projection in graph.projections:
        projections[projection.name], order[projection.name] = _renumbered(
            projection, number[projection.source], number[projection.target]
        )
    other = DendriticNetwork(replace(graph, projections=tuple(projections.values())), kernel).double().eval()

    def moved(tensor: Tensor, group: str) -> Tensor:
        result = torch.empty_like(tensor)
        result[..., number[group]] = tensor
        return result

    with torch.no_grad():
        for name, weight in network.weights.items():
            other.weights[name].copy_(weight[order[name]])
        for name, bias in network.biases.items():
            other.biases[name].copy_(moved(bias, name))
        for name, learnt in network.excitability.items():
            other.excitability[name].copy_(moved(learnt, name.partition(":")[0]) if learnt.dim() else learnt)
    x = {name: tensor.flatten(1) for name, tensor in inputs_of(graph, 3).items()}
    weigh = torch.randn(3, graph.classes, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    logits, found = gradients(network, x, weigh)
    moved_x = {name: moved(tensor, name) for name, tensor in x.items()}
    its_logits, its = gradients(other, moved_x, moved(weigh, "readout"))
    expected = {}
    for name, gradient in found.items():
        kind, _, rest = name.replace("input ", "input.").partition(".")
        group = rest.partition(":")[0]
        expected[name] = (
            gradient[order[rest]] if kind == "weights" else moved(gradient, group) if gradient.dim() else gradient
        )
    assert_same((its_logits, its), (moved(logits, "readout"), expected), 1e-12)
    sizes = [group.size for group in graph.groups if group.size > 1]
    assert not sizes or any((number[group.name] != np.arange(group.size)).any() for group in graph.groups)


@every_kernel
def test_the_order_of_groups_changes_nothing(kernel: str) -> None:
    moved = 0
    for case in FEW:
        network = case.build(kernel)
        graph = network.graph
        groups = sorted(graph.groups, key=lambda group: group.stage)  # stable; another order that is topological too
        moved += groups != list(graph.groups)
        position = {group.name: place for place, group in enumerate(groups)}
        projections = tuple(sorted(graph.projections, key=lambda projection: position[projection.target]))
        other = DendriticNetwork(replace(graph, groups=tuple(groups), projections=projections), kernel).double().eval()
        other.load_state_dict(dict(network.state_dict()))
        x = inputs_of(graph, 3)
        assert torch.equal(network(x), other(x))
    assert moved >= 5


def _rows(x: dict[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    return {name: tensor[rows] for name, tensor in x.items()}


@few_cases
@each_kernel
def test_the_order_of_the_batch_changes_nothing(case: Case, kernel: str) -> None:
    """Each sample's logits are its own, to some units in the last place: matrix products and functions such as tanh
    round a column by where it stands. What the sparse kernels give is its own bit for bit: see test_kernels.py.
    """
    network = case.build(kernel).requires_grad_(False)
    for dtype, tolerance in ((torch.float64, 1e-13), (torch.float32, 2e-6)):
        network = network.to(dtype)
        x = inputs_of(network.graph, 13, dtype)
        rows = torch.randperm(13, generator=torch.Generator().manual_seed(2))
        logits, shuffled = network(x), network(_rows(x, rows))
        scale = max(1.0, float(logits.abs().max()))
        torch.testing.assert_close(shuffled, logits[rows], rtol=0, atol=tolerance * scale)
        alone = torch.cat([network(_rows(x, torch.tensor([row]))) for row in range(13)])
        torch.testing.assert_close(alone, logits, rtol=0, atol=tolerance * scale)


def _digest(network: DendriticNetwork) -> str:
    """Of everything there is: wiring, weights, logits, gradients."""
    digest = hashlib.sha256(network.graph.connectivity_hash.encode())
    logits, found = gradients(network, inputs_of(network.graph, 6, torch.float32))
    for tensor in (logits, *network.state_dict().values(), *found.values()):
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _digests() -> dict[str, str]:
    """Of some cases under every kernel, as a fresh process takes them too."""
    cases = (*CORNERS[9:13], *RANDOM[:6])
    return {
        f"{case} {kernel}": _digest(DendriticNetwork(case.compile(seed=3), kernel).eval())
        for case in cases
        for kernel in KERNELS
    }


def test_one_seed_gives_one_network_bit_for_bit() -> None:
    assert _digests() == _digests()


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_one_seed_gives_one_network_in_a_fresh_process(hash_seed: str, hiding: str) -> None:
    code = f"{hiding}; import json; import test_laws; print(json.dumps(test_laws._digests()))"
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "support", Path(__file__).parent)))
    fresh = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(fresh.stdout) == _digests()


@every_kernel
def test_several_threads_give_the_same_bits_every_time(kernel: str) -> None:
    case = Case(
        "large",
        {
            "name": "large",
            "neurons": {"cell": {"dendrites": [{"count": 8, "synapses": {"count": 12, "field": "random"}}]}},
            "layers": [{"neuron": "cell", "count": 4 if kernel == "reference" else 64}],
        },
        {"image": (20, 20)},
    )
    network = DendriticNetwork(case.compile(), kernel)
    x = inputs_of(network.graph, 64, torch.float32)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        logits, found = gradients(network, x)
        for _ in range(1 if kernel == "reference" else 5):
            again, found_again = gradients(network, x)
            assert torch.equal(again, logits)
            assert all(torch.equal(found_again[name], gradient) for name, gradient in found.items())
    finally:
        torch.set_num_threads(threads)


def test_different_seeds_give_different_wiring_and_weights() -> None:
    for case in RANDOM[:12]:
        hashes = {case.compile(seed).connectivity_hash for seed in range(4)}
        drawn = any(synapses["field"] != "all" and synapses["count"] for synapses in case.synapses())
        roomy = sum(projection.edges for projection in case.compile().projections if projection.pairs is not None) > 60
        assert len(hashes) == 4 or not (drawn and roomy)
        graph = case.compile()
        weights = [torch.cat(list(DendriticNetwork(graph, seed=seed).weights.values())) for seed in range(3)]
        constant = all(projection.init.name == "constant" for projection in graph.projections)
        assert constant or not torch.equal(weights[0], weights[1])
        assert constant or not torch.equal(weights[1], weights[2])
        assert torch.equal(weights[2], torch.cat(list(DendriticNetwork(graph, seed=2).weights.values())))


@few_cases
@each_kernel
def test_an_empty_batch_works(case: Case, kernel: str) -> None:
    network = case.build(kernel)
    logits, found = gradients(network, inputs_of(network.graph, 0))
    assert logits.shape == (0, network.graph.classes)
    assert all(torch.equal(gradient, torch.zeros_like(gradient)) for gradient in found.values())
    for name, values in network.activations(inputs_of(network.graph, 0)).items():
        assert values.shape == (0, network.graph.by_name[name].size)


@few_cases
@each_kernel
def test_a_batch_of_one_works(case: Case, kernel: str) -> None:
    network = case.build(kernel)
    found = gradients(network, inputs_of(network.graph, 1))
    assert found[0].shape == (1, network.graph.classes)
    assert_same(found, _by_reference(case, 1), 1e-11)


@every_kernel
def test_a_silent_compartment_gives_what_its_bias_gives(kernel: str) -> None:
    case = next(case for case in CORNERS if case.name == "a silent dendrite beside one that is not")
    network = case.build(kernel)
    x = inputs_of(network.graph, 5)
    bias = network.biases["hidden/d0"].detach()
    values = network.activations(x)["hidden/d0"]
    assert torch.equal(values, torch.nn.functional.leaky_relu(bias, 0.1).expand(5, -1))
    # It still has a say in its soma, and learns: its bias has a gradient, its cable too.
    _, found = gradients(network, x)
    assert found["biases.hidden/d0"].abs().min() > 0
    assert found["weights.hidden/d0->hidden/soma"].abs().min() > 0
    assert found["weights.image->hidden/d0"].shape == (0,)


@pytest.mark.parametrize("kernel", [kernel for kernel in KERNELS if kernel != "dense"])  # it multiplies zeros, too
def test_a_silent_compartment_is_silent_whatever_the_input(kernel: str) -> None:
    case = next(case for case in CORNERS if case.name == "nothing but a silent soma")
    network = case.build(kernel)
    x = inputs_of(network.graph, 3)
    infinite = {name: torch.full_like(tensor, torch.inf) for name, tensor in x.items()}
    assert torch.equal(network(infinite), network(x))
    logits, found = gradients(network, infinite)
    assert torch.isfinite(logits).all()
    assert all(torch.isfinite(gradient).all() for gradient in found.values())


@every_kernel
def test_a_soma_without_dendrites_is_a_point_neuron(kernel: str) -> None:
    case = next(case for case in CORNERS if case.name == "a soma without dendrites")
    network = case.build(kernel)
    x = inputs_of(network.graph, 4)["image"].flatten(1)
    (synapses, readout) = network.graph.projections
    dense = torch.zeros(synapses.targets, synapses.sources, dtype=torch.float64)
    source, target = synapses.edge_index
    dense[target, source] = network.weights[synapses.name].detach()
    soma = torch.nn.functional.leaky_relu(x @ dense.T + network.biases["hidden/soma"], 0.1)
    block = network.weights[readout.name].view(readout.targets, readout.sources)
    torch.testing.assert_close(network(x), soma @ block.T + network.biases["readout"], rtol=0, atol=1e-12)


@pytest.mark.cuda
@every_kernel
def test_a_gpu_agrees_with_the_cpu(kernel: str) -> None:
    for case in FEW:
        network = case.build(kernel)
        x = inputs_of(network.graph, 5)
        logits, found = gradients(network, x)
        moved = gradients(network.cuda(), {name: tensor.cuda() for name, tensor in x.items()})
        assert_same((moved[0].cpu(), {name: g.cpu() for name, g in moved[1].items()}), (logits, found), 1e-11)

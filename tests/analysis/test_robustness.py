"""Noise and patches, by hand and by another way to the same numbers; what a curve comes to."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from small import digits

from dendrograph import DendrographError, build, datasets
from dendrograph.analysis.lesions import lesions
from dendrograph.analysis.robustness import Draws, area, half_level, noise, occluded, occlusion, summary
from dendrograph.data.batches import add_noise
from dendrograph.data.dataset import Split
from dendrograph.training.evaluation import evaluate

SMALL = {"somata": 6, "dendrites": 3, "synapses": 6}


def small(kernel: str = "auto") -> Any:
    return build("dann-lrf", (8, 8), overrides=SMALL, kernel=kernel)


def a_split(shape: tuple[int, ...], samples: int = 200, byte: bool = False) -> Split:
    """Samples without a zero, so that what is hidden can be told."""
    x = torch.full((samples, *shape), 200, dtype=torch.uint8) if byte else torch.full((samples, *shape), 0.5)
    return Split({"image": x}, torch.zeros(samples, dtype=torch.int64))


def test_rows_of_noise_are_evaluations_under_noise() -> None:
    network = small().train()
    before = copy.deepcopy(network.state_dict())
    rows = noise(network, digits().test, 1.0, levels=(0, 0.3, 1), draws=Draws(repeats=2, seed=7), trained_sigma=0.25)
    assert [(row["sigma"], row["repeat"]) for row in rows] == [(s, r) for s in (0.0, 0.3, 1.0) for r in (0, 1)]
    assert {row["trained_sigma"] for row in rows} == {0.25}
    whole = evaluate(network, digits().test, 1.0)
    assert {(row["accuracy"], row["loss"]) for row in rows if row["sigma"] == 0} == {(whole.accuracy, whole.loss)}
    assert len({row["loss"] for row in rows}) == 5, "another draw for each repeat"
    assert network.training and all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert noise(network, digits().test, 1.0, (0, 0.3, 1), Draws(repeats=2, seed=7), 0.25) == rows
    assert noise(network, digits().test, 1.0, (0.3,), Draws(repeats=1, seed=7), 0.25) == rows[2:3], (
        "a row depends on its own draw alone"
    )
    assert noise(network, digits().test, 1.0, (0.3,), Draws(repeats=1, seed=8))[0]["loss"] != rows[2]["loss"]


def test_the_noise_of_a_repeat_is_one_noise_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    def watched(split: Split, *arguments: Any) -> Split:
        noisy = add_noise(split, *arguments)
        seen.append(noisy.inputs["image"] - 0.5)
        return noisy

    monkeypatch.setattr("dendrograph.analysis.robustness.add_noise", watched)
    noise(small(), a_split((8, 8), 3), 1.0, levels=(0.05, 0.1), draws=Draws(repeats=2))
    assert all(float(one.abs().max()) < 0.5 for one in seen), "nothing is clipped here"
    torch.testing.assert_close(2 * seen[0], seen[2], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(2 * seen[1], seen[3], rtol=1e-4, atol=1e-6)
    assert not torch.allclose(seen[0], seen[1])


# shape of a sample, share, then rows and columns that are hidden and the share that they are
PATCHES = [
    ((8, 8), 0.25, 4, 4, 0.25),
    ((8, 8), 0.1, 3, 3, 9 / 64),  # 8 sqrt(0.1) = 2.53
    ((8, 8), 0.001, 1, 1, 1 / 64),
    ((8, 8), 1.0, 8, 8, 1.0),
    ((8, 8), 0.0, 0, 0, 0.0),
    ((4, 16), 0.25, 2, 8, 0.25),
    ((6, 8, 3), 0.25, 3, 4, 0.25),
    ((8, 8, 1), 0.25, 4, 4, 0.25),
    ((1, 8, 8), 0.25, 4, 4, 0.25),
]


@pytest.mark.parametrize("byte", [False, True])
@pytest.mark.parametrize(("shape", "share", "rows", "columns", "covered"), PATCHES)
def test_a_patch_is_a_rectangle_inside(
    shape: tuple[int, ...], share: float, rows: int, columns: int, covered: float, byte: bool
) -> None:
    split = a_split(shape, byte=byte)
    hidden, found = occluded(split, share, seed=1)
    assert found == pytest.approx(covered)
    x = hidden.inputs["image"]
    assert x.dtype == split.inputs["image"].dtype and x.shape == split.inputs["image"].shape
    assert bool((split.inputs["image"] > 0).all()), "the samples given are left as they are"
    sides = [side for side in shape if side != 1]
    for sample in (x == 0).view(len(split), sides[0], sides[1], -1):
        assert bool((sample == sample[:, :, :1]).all()), "all channels alike"
        gone = sample[:, :, 0].nonzero()
        assert len(gone) == rows * columns
        if len(gone):
            extent = (gone.max(0).values - gone.min(0).values + 1).tolist()
            assert extent == [rows, columns]


def test_without_an_image_it_is_a_run_of_units() -> None:
    hidden, covered = occluded(a_split((50,)), 0.3)
    assert covered == pytest.approx(0.3)
    for sample in hidden.inputs["image"] == 0:
        gone = sample.nonzero().flatten()
        assert len(gone) == 15 and int(gone[-1] - gone[0]) == 14


def test_every_place_is_as_likely_as_another() -> None:
    from scipy.stats import chisquare

    hidden, _ = occluded(a_split((4, 5), 6000), 0.25)  # 2 rows (of 4 at 3 places) and 3 columns (of 5 at 3 places)
    corners = torch.stack([(one == 0).nonzero()[0] for one in hidden.inputs["image"]])
    counts = torch.bincount(corners[:, 0] * 5 + corners[:, 1]).reshape(-1)
    counts = counts[counts > 0]
    assert len(counts) == 9
    assert chisquare(counts.numpy()).pvalue > 0.01


def test_a_patch_grows_about_where_it_was() -> None:
    one, _ = occluded(a_split((12, 12)), 0.1, repeat=2, seed=3)
    more, _ = occluded(a_split((12, 12)), 0.4, repeat=2, seed=3)
    smaller, larger = one.inputs["image"] == 0, more.inputs["image"] == 0
    assert bool((smaller & ~larger).sum() == 0)


def test_rows_of_occlusion_are_paired_over_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    test = datasets.load("digits").test
    split = Split(dict(test.inputs), test.labels)
    network = small().train()
    rows = occlusion(network, split, 16.0, shares=(0, 0.25), draws=Draws(repeats=2, seed=5))
    assert [(row["share"], row["repeat"], row["covered"]) for row in rows] == [
        (0.0, 0, 0.0),
        (0.0, 1, 0.0),
        (0.25, 0, 0.25),
        (0.25, 1, 0.25),
    ]
    for row in rows:
        found = evaluate(network, occluded(split, row["share"], row["repeat"], 5)[0], 16.0)
        assert (row["accuracy"], row["loss"]) == (found.accuracy, found.loss)
    assert rows[2]["loss"] != rows[3]["loss"] and network.training
    for kernel in ("reference", "scatter"):
        other = occlusion(small(kernel), split, 16.0, shares=(0.25,), draws=Draws(repeats=1, seed=5))
        assert other[0]["loss"] == pytest.approx(rows[2]["loss"], rel=1e-5)


def test_several_streams_are_hidden_at_once() -> None:
    split = Split(
        {"one": torch.ones(40, 8, 8), "two": torch.ones(40, 8, 8), "three": torch.ones(40, 16)},
        torch.zeros(40, dtype=torch.int64),
    )
    hidden, covered = occluded(split, 0.25)
    assert covered == pytest.approx(0.25)
    assert not torch.equal(hidden.inputs["one"], hidden.inputs["two"]), "each at places of its own"
    assert set((hidden.inputs["three"] == 0).sum(1).tolist()) == {4}


def test_the_area_is_the_integral_of_the_broken_line() -> None:
    levels, accuracy = [0.0, 0.1, 0.5, 1.0], [0.9, 0.8, 0.2, 0.1]
    integral, _ = quad(lambda x: float(np.interp(x, levels, accuracy)), 0, 1, points=levels)
    assert area(levels, accuracy) == pytest.approx(integral)
    assert area([1.0, 3.0], [0.5, 0.7]) == pytest.approx(0.6), "over the range, whatever that is"
    assert area(levels[::-1], accuracy[::-1]) == area(levels, accuracy)
    assert math.isnan(area([0.3], [0.9]))


def test_the_level_at_which_half_is_lost() -> None:
    # Above chance there are 0.8 at first; half of that is left at 0.5, a third of the way from 0.6 to 0.3.
    assert half_level([0, 0.1, 0.4], [0.9, 0.6, 0.3], 0.1) == pytest.approx(0.1 + 0.3 / 3)
    assert half_level([0.4, 0, 0.1], [0.3, 0.9, 0.6], 0.1) == pytest.approx(0.2), "in any order"
    assert half_level([0, 1], [0.9, 0.5], 0.1) == pytest.approx(1.0), "reached at the last level"
    assert half_level([0, 1, 2, 3], [0.9, 0.2, 0.9, 0.1], 0.1) == pytest.approx(4 / 7), "the first time"
    assert math.isnan(half_level([0, 1], [0.9, 0.6], 0.1)), "never"
    assert math.isnan(half_level([0, 1], [0.1, 0.0], 0.1)), "nothing above chance"
    assert math.isnan(half_level([0, 1], [float("nan"), 0.0], 0.1))


def test_a_summary_has_a_row_for_each_curve() -> None:
    split = digits().test
    network = small()
    of_noise = [row for sigma in (0.0, 0.5) for row in noise(network, split, 1.0, (0, 0.5, 1), Draws(repeats=2), sigma)]
    found = summary(of_noise, 10)
    assert [row["trained_sigma"] for row in found] == [0.0, 0.5] and found[0]["area"] == found[1]["area"]
    means = [np.mean([row["accuracy"] for row in of_noise if row["sigma"] == sigma]) for sigma in (0, 0.5, 1)]
    assert found[0]["area"] == pytest.approx((means[0] / 2 + means[1] + means[2] / 2) / 2)
    of_lesions = lesions(network, split, 1.0, shares=(0, 0.5), draws=Draws(repeats=1))
    assert [(row["kind"], row["name"]) for row in summary(of_lesions, 10)] == [
        ("dendrites", "hidden/dendrite"),
        ("somata", "hidden/soma"),
        ("synapses", "image->hidden/dendrite"),
    ]
    assert len(summary(occlusion(network, split, 1.0, (0, 0.5), Draws(repeats=1)), 10)) == 1


def test_arguments_that_are_none() -> None:
    network, split = small(), digits().test
    outside = Split({"image": 3 * split.inputs["image"]}, split.labels)
    for refused, message in (
        (lambda: noise(network, split, 1.0, levels=(0.1, -0.1)), "levels: found -0.1"),
        (lambda: noise(network, split, 1.0, levels=("0.1",)), "levels: found '0.1'"),
        (lambda: noise(network, split, 1.0, levels="a"), "levels: found 'a'"),
        (lambda: noise(network, split, 1.0, trained_sigma=-1), "trained_sigma: found -1"),
        (
            lambda: noise(network, split, 1.0, draws=Draws(repeats=True)),
            "repeats must be a whole number of at least 1, found True",
        ),
        (lambda: noise(network, outside, 1.0), "noise is clipped"),
        (lambda: noise(network, split, 0.0), "scale: found 0.0, which cannot divide bytes"),
        (lambda: noise(network, split.take(torch.arange(0)), 1.0), "there are no samples"),
        (lambda: occlusion(network, split, 1.0, shares=(2,)), "shares: found 2"),
        (lambda: occlusion(network, a_split((28, 28)), 1.0), r"do not fit the network: .*expected \(batch, 8, 8\)"),
        (lambda: occlusion(build("vann", (8, 8), classes=3), split, 1.0), "labels run from 0 to 9"),
        (lambda: occlusion(small().double(), split, 1.0), "samples come as float32"),
        (lambda: summary((), 10), "there is no row"),
        (lambda: summary([{"a": 1}], 10), "not a table of noise, occlusion or lesions: its columns are a"),
        (lambda: summary([{"sigma": 1, "accuracy": 1}], 0), "classes: found 0"),
        (lambda: area([0, 0], [1, 1]), "each level once"),
        (lambda: half_level([0, 1], [1], 0.1), "2 levels and 1 accuracies"),
    ):
        with pytest.raises(DendrographError, match=message):
            refused()
    assert network.training


def test_an_outcome_that_is_no_number_is_told_as_such() -> None:
    network = small()
    with torch.no_grad():
        network.biases["readout"][0] = float("nan")
    assert all(math.isnan(row["loss"]) for row in occlusion(network, digits().test, 1.0, (0, 0.5), Draws(repeats=1)))

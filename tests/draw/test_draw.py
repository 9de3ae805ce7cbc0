"""Diagrams, read off their artists: all views of all morphologies, and the laws of what they show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from artists import boxes, discs, lines, named, outlines, overlapping, texts
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from trees import CORNERS, COVERING

from dendrograph import (
    Compartment,
    DendriticNetwork,
    DendrographError,
    Graph,
    Layer,
    Morphology,
    Synapses,
    compile,
    draw,
    load,
)
from dendrograph.draw.canvas.places import layers_of, places_of
from dendrograph.draw.diagrams.view import VIEWS
from dendrograph.morphology.shipped import shipped
from dendrograph.training.model_source import ModelSource

SMALL = {"somata": 3, "dendrites": 2, "synapses": 4}


def small(name: str = "dann-lrf", inputs: Any = (6, 6), classes: int | None = 3, **knobs: int) -> Graph:
    return compile(load(name, {**SMALL, **knobs}), inputs, classes)


def panel(figure: Figure) -> Any:
    return figure.axes[0]


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_view_of_every_shipped_morphology(name: str, view: str) -> None:
    figure = draw.figure(name, view)
    axes = panel(figure)
    assert axes.collections or axes.images
    _within(figure)
    found = texts(axes)
    assert not overlapping(boxes(figure, found)), "labels do not collide"


def _within(figure: Figure) -> None:
    """Nothing leaves the canvas: every text, and every point of every other artist."""
    figure.canvas.draw()
    for axes in figure.axes:
        (low_x, high_x), (low_y, high_y) = axes.get_xlim(), axes.get_ylim()
        slack = 0.02 * (high_x - low_x)
        for one in axes.collections:
            points = np.asarray(one.get_offsets()) if one.get_offset_transform() == axes.transData else None
            if points is None or not len(points):
                points = np.concatenate([path.vertices for path in one.get_paths()])
            assert (points.min(0) >= (low_x - slack, low_y - slack)).all(), one.get_gid()
            assert (points.max(0) <= (high_x + slack, high_y + slack)).all(), one.get_gid()
        extents = boxes(figure, list(axes.texts))
        if len(extents):
            inside = figure.bbox.extents
            assert (extents[:, :2] >= inside[:2] - 2).all() and (extents[:, 2:] <= inside[2:] + 2).all()


class TestNeuron:
    @pytest.mark.slow
    @pytest.mark.parametrize("case", [*COVERING, *CORNERS], ids=str)
    def test_laws_on_random_trees(self, case: Any) -> None:
        graph = case.compile()
        for layer in layers_of(graph)[:2]:
            figure = draw.figure(graph, "neuron", draw.Style(layer=layer))
            axes = panel(figure)
            _within(figure)
            assert not overlapping(boxes(figure, texts(axes))), "labels do not collide"
            self._apart(axes)
            self._sides(axes, graph, layer)

    @staticmethod
    def _apart(axes: Any) -> None:
        """No two branches overlap where they are straight, with their synapses."""
        tips = []
        for corners in outlines(axes, "dendrite"):
            half = len(corners) // 2
            # The last two points of each side lie along the straight part.
            straight = np.concatenate([corners[half - 3 : half + 2]])
            tips.append((straight[:, 0].min(), straight[:, 1].min(), straight[:, 0].max(), straight[:, 1].max()))
        assert not overlapping(np.array(tips), 1e-6)
        dots = named(axes, "synapse")
        centres = np.concatenate([np.asarray(one.get_offsets()) for one in dots]) if dots else np.zeros((0, 2))
        radii = np.concatenate([np.asarray(one._widths).ravel() for one in dots]) if dots else np.zeros(0)
        for i in range(min(len(centres), 400)):
            apart = np.hypot(*(centres[:i] - centres[i]).T)
            assert (apart >= radii[:i] + radii[i] - 1e-6).all(), "no synapse on another"

    @staticmethod
    def _sides(axes: Any, graph: Graph, layer: str) -> None:
        """What grows from a branch that goes up goes up, and what grows from one that goes down goes down."""
        soma = outlines(axes, "soma")[0].mean(0)[1]
        side: dict[str, float] = {}
        for place in places_of(graph, layer):
            found = outlines(axes, f"=dendrite {place.group.name}")
            own = found
            if not own or place.parent is None:
                continue
            above = {np.sign(corners[len(corners) // 2, 1] - soma) for corners in own}
            assert len(above) == 1
            side[place.name] = above.pop()
            parent = places_of(graph, layer)[place.parent].name
            assert parent not in side or side[parent] == side[place.name]

    def test_all_branches_and_synapses_of_a_small_tree_are_drawn(self) -> None:
        graph = small(dendrites=5, synapses=7)
        axes = panel(draw.figure(graph, "neuron"))
        assert len(outlines(axes, "dendrite hidden/dendrite")) == 5
        assert len(discs(axes, "synapse image->hidden/dendrite")) == 35
        assert len(outlines(axes, "soma")) == 1
        assert {one.get_text() for one in texts(axes, "label")} == {"dendrite ×5", "soma"}

    def test_many_like_branches_are_folded_with_their_true_number(self) -> None:
        axes = panel(draw.figure(small(dendrites=500), "neuron"))
        assert len(outlines(axes, "dendrite hidden/dendrite")) == 3
        assert len(discs(axes, "ellipsis")) == 3
        assert "dendrite ×500" in {one.get_text() for one in texts(axes)}
        axes = panel(draw.figure(small(dendrites=500), "neuron", draw.Style(fold=False)))
        assert len(outlines(axes, "dendrite hidden/dendrite")) == 500

    def test_lengths_are_true_to_scale(self) -> None:
        axes = panel(draw.figure("asymmetric-pyramidal", "neuron"))
        soma = outlines(axes, "soma")[0]

        def reach(place: str) -> float:
            return max(abs(corners[len(corners) // 2, 1]) for corners in outlines(axes, f"=dendrite hidden/{place}"))

        trunk, oblique, tuft = (reach(place) for place in ("trunk", "trunk/oblique", "trunk/tuft"))
        # The caps at the tips are round: half a width beyond the end, which is a twentieth here.
        assert (tuft - trunk) / (oblique - trunk) == pytest.approx(150 / 120, rel=0.05)
        bar = np.ptp(lines(axes, "legend 50 µm")[0][:, 0])
        assert (oblique - trunk) / bar == pytest.approx(120 / 50, rel=0.05)
        assert soma[:, 1].mean() < trunk

    def test_diameters_are_in_proportion(self) -> None:
        axes = panel(draw.figure("asymmetric-pyramidal", "neuron"))
        trunk, tuft = (outlines(axes, f"=dendrite hidden/{place}")[0] for place in ("trunk", "trunk/tuft"))
        assert np.ptp(trunk[:, 0]) > np.ptp(tuft[-3:, 0])

    def test_colours_are_those_of_the_legend(self) -> None:
        axes = panel(draw.figure("asymmetric-pyramidal", "neuron"))
        for place, name in (("basal", "nmda"), ("trunk/tuft", "dcaap"), ("trunk/oblique", "sublinear")):
            (branch,) = named(axes, f"dendrite hidden/{place}")
            (sign,) = named(axes, f"legend {name}")
            assert np.allclose(branch.get_facecolor()[0], sign.get_color()[0])

    def test_sources_differ_and_inhibition_is_hollow(self) -> None:
        axes = panel(draw.figure("apical-basal", "neuron"))
        colours = [named(axes, f"synapse {stream}")[0].get_facecolor()[0] for stream in ("sensory", "feedback")]
        assert not np.allclose(*colours)
        axes = panel(draw.figure("interneuron-sublinear", "neuron", draw.Style(layer="output")))
        full, hollow = named(axes, "synapse principal")[0], named(axes, "synapse basket")[0]
        assert np.allclose(full.get_facecolor(), full.get_edgecolor())
        assert np.allclose(hollow.get_facecolor()[0], (1, 1, 1, 1))

    def test_a_tree_alone_can_be_drawn(self) -> None:
        tree = Compartment(dendrites=[Compartment("twig", 3, synapses=Synapses(4))])
        axes = panel(draw.figure(tree, "neuron"))
        assert len(outlines(axes, "dendrite layer/twig")) == 3


class TestNetwork:
    @pytest.mark.slow
    @pytest.mark.parametrize("case", [*COVERING, *CORNERS], ids=str)
    def test_laws_on_random_networks(self, case: Any) -> None:
        graph = case.compile()
        for fold in (True, False):
            figure = draw.figure(graph, "network", draw.Style(fold=fold))
            axes = panel(figure)
            _within(figure)
            assert not overlapping(boxes(figure, texts(axes)))
            for group in graph.groups:
                own = discs(axes, f"={group.role} {group.name}")
                if len(own) > 1:
                    apart = np.hypot(*(own[:, None] - own[None]).transpose(2, 0, 1)) + 1e9 * np.eye(len(own))
                    size = max(
                        one._widths.max()
                        for one in named(axes, f"={group.role} {group.name}")
                        if hasattr(one, "_widths")
                    )
                    assert apart.min() >= 2 * size * 0.99, f"units of {group.name} overlap"
                if not fold and (len(own) or group.role != "input"):
                    assert len(own) == group.size

    def test_of_a_small_network_every_edge_is_drawn(self) -> None:
        graph = small()
        axes = panel(draw.figure(graph, "network"))
        assert len(lines(axes, "synapse image->")) == 3 * 2 * 4
        assert len(lines(axes, "cable")) == 3 * 2
        assert len(lines(axes, "readout")) == 3 * 3
        source, target = graph.projections[0].endpoints()
        dendrites = discs(axes, "dendrite hidden/dendrite")
        (frame,) = named(axes, "frame image")
        left, bottom = np.asarray(frame.get_segments()[0]).min(0)
        right, top = np.asarray(frame.get_segments()[0]).max(0)
        cell = (right - left) / 6
        pixel = np.stack([left + cell * (source % 6 + 0.5), top - cell * (source // 6 + 0.5)], 1)
        expected = np.stack([pixel, dendrites[target]], 1)
        np.testing.assert_allclose(
            np.sort(lines(axes, "synapse").reshape(-1, 4), 0), np.sort(expected.reshape(-1, 4), 0)
        )
        assert bottom < top

    def test_large_populations_are_folded_with_true_counts(self) -> None:
        axes = panel(draw.figure(ModelSource("dann-lrf", overrides={"somata": 512, "dendrites": 64}), "network"))
        assert len(lines(axes, "synapse image")) == 16 * len(discs(axes, "dendrite hidden")), "and their synapses"
        said = {one.get_text() for one in texts(axes, "label")}
        assert {"32,768", "512", "28 × 28", "10"} <= said
        assert len(discs(axes, "soma hidden/soma")) < 10
        assert len(discs(axes, "ellipsis hidden")) >= 3

    def test_deep_networks_fold_their_layers(self) -> None:
        axes = panel(draw.figure("deep-dann", "network"))
        assert "7 more" in {one.get_text() for one in texts(axes)}
        assert not len(discs(axes, "soma hidden5"))
        axes = panel(
            draw.figure(
                ModelSource("deep-dann", overrides={"somata": 16, "dendrites": 2}),
                "network",
                draw.Style(fold=False),
            )
        )
        assert len(discs(axes, "soma hidden5")) == 16

    def test_units_not_drawn_reach_what_they_reach_from_their_ellipsis(self) -> None:
        for name in ("dann-lrf", "interneuron-sublinear"):
            axes = panel(draw.figure(name, "network"))
            gap = discs(axes, "ellipsis " + ("hidden" if name == "dann-lrf" else "output"))[1]
            starts = lines(axes, "readout")[:, 0]
            assert (np.abs(starts - gap).max(1) < 1e-9).sum() == 10, "one line to each readout"

    def test_kinds_of_edges_differ_in_colour(self) -> None:
        axes = panel(draw.figure("interneuron-sublinear", "network"))
        kinds = [tuple(named(axes, kind)[0].get_color()[0][:3]) for kind in ("synapse", "cable", "readout")]
        assert len(set(kinds)) == 3
        assert {"synapse", "shunting synapse", "cable", "readout"} <= {one.get_text() for one in texts(axes, "legend")}

    def test_too_many_edges_become_a_band(self) -> None:
        graph = compile(load("dann-random", {"somata": 400, "dendrites": 40, "synapses": 16}), (28, 28))
        axes = panel(draw.figure(graph, "network", draw.Style(fold=False)))
        assert not len(lines(axes, "synapse")) and len(outlines(axes, "synapse")) == 1
        assert len(discs(axes, "dendrite")) == 16_000
        (collection,) = (one for one in named(axes, "dendrite hidden"))
        assert collection.get_rasterized()


class TestFields:
    def test_cells_are_those_of_the_wiring(self) -> None:
        graph = small(dendrites=3, synapses=5)
        figure = draw.figure(graph, "fields", draw.Style(neuron=1))
        axes = panel(figure)
        source, target = graph.projections[0].endpoints()
        for dendrite in range(3):
            cells = {int(unit) for unit in source[target == 3 + dendrite]}
            (frame,) = named(axes, f"frame dendrite[{dendrite}]")
            corners = np.asarray(frame.get_segments()[0])
            cell = np.ptp(corners[:, 0]) / 6
            found = set()
            for square in outlines(axes, f"field dendrite[{dendrite}]"):
                x, y = square.mean(0)
                found.add(int((corners[:, 1].max() - y) / cell) * 6 + int((x - corners[:, 0].min()) / cell))
            assert found == cells

    def test_coverage_counts_every_synapse_of_the_layer(self) -> None:
        for inputs in ((6, 6), (6, 6, 3), 36):
            graph = small(inputs=inputs)
            (image,) = (one for one in panel(draw.figure(graph, "fields")).images if one.get_gid() == "coverage image")
            assert image.get_array().sum() == graph.projections[0].edges

    def test_a_layer_of_somata_is_laid_out_nearly_square(self) -> None:
        graph = compile(load("deep-dann", {"somata": 12, "synapses": 3, "dendrites": 2, "layers": 2}), (6, 6))
        (image,) = (
            one
            for one in panel(draw.figure(graph, "fields", draw.Style(layer="hidden2"))).images
            if one.get_gid() == "coverage hidden1/soma"
        )
        assert image.get_array().shape == (3, 4)

    def test_a_sample_lies_below_the_fields(self) -> None:
        axes = panel(draw.figure("dann-lrf", "fields", sample=5))
        (image,) = (one for one in axes.images if one.get_gid() == "input image")
        assert image.get_array().shape == (8, 8)

    def test_a_silent_layer_has_no_field(self) -> None:
        tree = Compartment(synapses=Synapses(0))
        with pytest.raises(DendrographError, match="has synapses: no receptive field to draw"):
            draw.figure(tree, "fields")


class TestMatrix:
    def test_cells_are_shares_of_pairs(self) -> None:
        graph = small()
        axes = panel(draw.figure(graph, "matrix"))
        for projection in graph.projections:
            (image,) = (one for one in axes.images if one.get_gid() == f"matrix {projection.name}")
            dense = np.zeros((projection.targets, projection.sources))
            source, target = projection.endpoints()
            dense[target, source] = 1
            np.testing.assert_array_equal(image.get_array(), dense)

    def test_of_a_large_one_densities_are_kept(self) -> None:
        graph = compile(load("dann-random"), (28, 28))
        axes = panel(draw.figure(graph, "matrix"))
        (image,) = (one for one in axes.images if one.get_gid() == "matrix image->hidden/dendrite")
        cells = np.asarray(image.get_array())
        assert cells.shape == (160, 160) and cells.max() <= 1
        assert cells.mean() == pytest.approx(16 / 784, rel=0.02)
        assert any("8,192 edges, 2.04 %" in one.get_text() for one in texts(axes))


class TestWeights:
    def network(self) -> DendriticNetwork:
        network = DendriticNetwork(small(dendrites=2, synapses=4))
        with torch.no_grad():
            for weight in network.weights.values():
                weight.copy_(torch.linspace(-1, 1, len(weight)))
        return network

    def test_images_hold_the_weights(self) -> None:
        network = self.network()
        axes = panel(draw.figure(network, "weights", draw.Style(neuron=2)))
        source, target = network.graph.projections[0].endpoints()
        own = network.weights["image->hidden/dendrite"].detach().numpy()
        for dendrite in range(2):
            (image,) = (one for one in axes.images if one.get_gid() == f"weights dendrite[{dendrite}]")
            cells = np.asarray(image.get_array().filled(np.nan)).ravel()
            here = target == 4 + dendrite
            np.testing.assert_allclose(cells[source[here]], own[here], rtol=1e-6)
            assert np.isnan(np.delete(cells, source[here])).all()

    def test_branches_and_dots_have_the_colours_of_their_weights(self) -> None:
        network = self.network()
        axes = panel(draw.figure(network, "weights", draw.Style(neuron=0)))
        colours = matplotlib.colormaps["RdBu_r"]
        cables = network.weights["hidden/dendrite->hidden/soma"].detach().numpy()[:2]
        (branches,) = named(axes, "dendrite hidden/dendrite")
        most = np.quantile(np.abs(cables), 0.99)
        np.testing.assert_allclose(
            branches.get_facecolor(), colours(np.clip((cables + most) / (2 * most), 0, 1)), atol=0.01
        )
        (dots,) = named(axes, "synapse image")
        synapses = network.weights["image->hidden/dendrite"].detach().numpy()
        most = np.quantile(np.abs(synapses), 0.99)
        np.testing.assert_allclose(
            dots.get_facecolor(), colours(np.clip((synapses[:8] + most) / (2 * most), 0, 1)), atol=0.01
        )

    def test_a_density_has_area_one(self) -> None:
        from dendrograph.draw.diagrams.weights import density

        rng = np.random.default_rng(0)
        for values in (rng.normal(size=500), rng.uniform(size=30_000), np.full(10, 3.0), np.zeros(1)):
            x, y = density(values)
            assert np.trapezoid(y, x) == pytest.approx(1, abs=0.01)

    def test_a_density_of_many_is_that_of_all(self) -> None:
        """Edges are in the order of their targets and sources: every so many would be those of one source."""
        from dendrograph.draw.diagrams.weights import density

        values = np.zeros(548_800)
        values[::28] = 5.0
        x, y = density(values)
        assert np.trapezoid(x * y, x) == pytest.approx(5 / 28, abs=0.03)

    def test_synapses_on_one_unit_add_up(self) -> None:
        tree = Compartment(synapses=Synapses(6, replace=True))
        graph = compile(Morphology("twice", {"n": tree}, [Layer("l", "n", 1)]), (2, 1), 2, seed=1)
        network = DendriticNetwork(graph)
        source, _ = graph.projections[0].endpoints()
        weights = network.weights[graph.projections[0].name].detach().numpy()
        axes = panel(draw.figure(network, "weights"))
        (image,) = (one for one in axes.images if one.get_gid() == "weights soma")
        cells = np.asarray(image.get_array().filled(0.0)).ravel()
        np.testing.assert_allclose(cells, np.bincount(source, weights, 2), rtol=1e-6)

    def test_the_network_stays_as_it_was(self) -> None:
        network = DendriticNetwork(small()).train()
        draw.figure(network, "weights")
        assert network.training
        network.to(torch.bfloat16)
        draw.figure(network, "weights,activity")

    def test_numbers_that_are_not_finite_are_refused(self) -> None:
        network = DendriticNetwork(small())
        with torch.no_grad():
            network.weights["image->hidden/dendrite"][0] = float("nan")
        for view in ("weights", "activity"):
            with pytest.raises(DendrographError, match=r"^image->hidden/dendrite: not all of its numbers are finite"):
                draw.figure(network, view)

    def test_signs_and_attenuation_are_in_the_weights(self) -> None:
        graph = compile(load("asymmetric-pyramidal", {"somata": 2}), (8, 8))
        network = DendriticNetwork(graph)
        axes = panel(draw.figure(network, "weights"))
        assert named(axes, "curve hidden/basal->hidden/soma")
        assert "initial" not in " ".join(one.get_text() for one in texts(axes))
        axes = panel(draw.figure("dann-lrf", "weights"))
        assert "initial" in " ".join(one.get_text() for one in texts(axes, "title"))


class TestActivity:
    def test_units_have_the_colours_of_their_activity(self) -> None:
        network = DendriticNetwork(small(inputs=(8, 8), classes=10)).eval()
        axes = panel(draw.figure(ModelSource(network, data="digits"), "activity", sample=3))
        from dendrograph import datasets

        digits = datasets.load("digits")
        x = digits.test.inputs["image"][3:4].float() / digits.scale
        with torch.no_grad():
            found = {name: values[0].numpy() for name, values in network.activations(x).items()}
        colours = matplotlib.colormaps["RdBu_r"]
        for group in network.graph.groups[1:]:
            values = found[group.name]
            most = np.abs(values).max()
            (units,) = (
                one for one in named(axes, f"={group.role} {group.name}") if len(one.get_offsets()) == group.size
            )
            np.testing.assert_allclose(units.get_facecolor(), colours((values / most + 1) / 2), atol=0.005)
        (image,) = (one for one in axes.images if one.get_gid() == "input image")
        np.testing.assert_allclose(image.get_array(), x[0], atol=1e-6)
        assert f"class {int(digits.test.labels[3])}" in texts(axes, "title")[0].get_text()

    def test_without_data_the_input_is_random_and_said_to_be(self) -> None:
        axes = panel(draw.figure("apical-basal", "activity", sample=4))
        assert texts(axes, "title")[0].get_text() == "random input 4; initial weights"

    def test_a_network_without_readout(self) -> None:
        figure = draw.figure(small(classes=None, inputs=(8, 8)), "activity")
        assert "answer" not in texts(panel(figure), "title")[0].get_text()


class TestPanels:
    def test_letters_titles_and_one_legend(self) -> None:
        figure = draw.figure(["dann-random", "dann-lrf", "dann-grf", "vann"], "network", draw.Style(width="double"))
        assert [texts(axes, "letter")[0].get_text() for axes in figure.axes[:4]] == ["a", "b", "c", "d"]
        assert [texts(axes, "title")[0].get_text() for axes in figure.axes[:4]] == [
            "dann-random",
            "dann-lrf",
            "dann-grf",
            "vann",
        ]
        assert len(figure.axes) == 5 and figure.axes[4].get_label() == "legend"
        tops = {round(axes.get_position().y0, 6) for axes in figure.axes[:4]}
        assert len(tops) == 1, "side by side"
        _within(figure)

    def test_colours_mean_the_same_in_all_panels(self) -> None:
        figure = draw.figure(["interneuron-sublinear", "asymmetric-pyramidal"], "neuron", draw.Style(width="double"))
        first = named(figure.axes[0], "dendrite principal/thin")[0].get_facecolor()[0]
        second = named(figure.axes[1], "dendrite hidden/basal")[0].get_facecolor()[0]
        assert np.allclose(first, second), "both are nmda"

    @pytest.mark.parametrize(
        ("width", "mm"), [("single", 89), ("double", 183), ("12", 120), (7.5, 75), ("7.5cm", 75), (None, 89)]
    )
    def test_width(self, width: Any, mm: float) -> None:
        assert draw.figure(
            ModelSource("xor-dcaap", inputs={"image": (2,)}), style=draw.Style(width=width)
        ).get_size_inches()[0] == pytest.approx(mm / 25.4)

    def test_styles_differ(self) -> None:
        paper, talk, dark = (
            draw.figure("dann-lrf", style=draw.Style(style=style)) for style in ("paper", "talk", "dark")
        )
        assert matplotlib.colors.to_hex(dark.get_facecolor()) == "#15171a"
        assert texts(panel(talk), "label")[0].get_fontsize() > 2 * texts(panel(paper), "label")[0].get_fontsize()

    def test_palettes_differ_and_none_repeats_a_colour(self) -> None:
        from dendrograph.draw.palettes import PALETTES

        for palette in PALETTES:
            axes = panel(draw.figure("asymmetric-pyramidal", style=draw.Style(palette=palette)))
            colours = {tuple(one.get_facecolor()[0]) for one in named(axes, "dendrite")}
            assert len(colours) == 4

    def test_without_labels_and_legend(self) -> None:
        for view in VIEWS:
            axes = panel(draw.figure("dann-lrf", view, draw.Style(label=False, legend=False)))
            assert not texts(axes, "label hidden") and not texts(axes, "legend") and not texts(axes, "title")

    def test_on_axes_of_ones_own(self) -> None:
        for size in ((3, 3), (8, 2), (2, 8)):
            figure = Figure(figsize=size)
            FigureCanvasAgg(figure)
            for position, view in enumerate(VIEWS):
                axes = figure.add_subplot(2, 3, position + 1)
                draw.on(axes, "dann-lrf", view)
                assert axes.collections
            figure.canvas.draw()

    def test_on_axes_the_users_style_does_not_reach_it(self) -> None:
        with matplotlib.rc_context({"image.origin": "lower", "image.aspect": "auto", "lines.linewidth": 9}):
            figure = Figure(figsize=(4, 4))
            FigureCanvasAgg(figure)
            axes = figure.add_subplot()
            draw.on(axes, "dann-lrf", "fields")
        assert all(image.origin == "upper" for image in axes.images)
        assert axes.get_aspect() == 1.0

    def test_on_a_part_of_a_figure_letters_are_in_proportion(self) -> None:
        figure = Figure(figsize=(8, 4))
        FigureCanvasAgg(figure)
        left, right = figure.subfigures(1, 2)
        draw.on(left.add_axes((0, 0, 1, 1)), "dann-lrf", "network")
        draw.on(right.add_axes((0, 0, 0.5, 0.5)), "dann-lrf", "network")
        sizes = [texts(part.axes[0], "label")[0].get_fontsize() for part in (left, right)]
        assert sizes[0] <= 5.5 and sizes[1] <= 5.5

    def test_axes_that_are_not_fit(self) -> None:
        figure = Figure()
        axes = figure.add_subplot()
        draw.on(axes, "dann-lrf")
        with pytest.raises(DendrographError, match="these axes are not empty"):
            draw.on(axes, "dann-lrf")
        for projection in ("polar", "3d"):
            with pytest.raises(DendrographError, match="a diagram needs rectilinear axes"):
                draw.on(figure.add_axes((0, 0, 1, 1), projection=projection), "dann-lrf")
        for name, value in (("width", 3), ("columns", 2)):
            with pytest.raises(DendrographError, match=f"'{name}' has no effect on your own axes"):
                draw.on(figure.add_subplot(), "dann-lrf", style=draw.Style(**{name: value}))

    def test_each_network_has_its_own_scale_bar(self) -> None:
        figure = draw.figure(["asymmetric-pyramidal", "pyramidal-swc"], "neuron", draw.Style(width="double"))
        bars = [np.ptp(lines(axes, "legend 50 µm")[0][:, 0]) for axes in figure.axes[:2]]
        assert bars[0] != pytest.approx(bars[1], rel=0.01)
        assert not lines(figure.axes[2], "legend 50 µm").size

    def test_views_of_one_network_share_their_rows(self) -> None:
        figure = draw.figure(["dann-lrf", "dann-grf"], "neuron,network,fields", draw.Style(width="double"))
        titles = [texts(axes, "title")[0].get_text() for axes in figure.axes[:6]]
        rows: dict[float, set[str]] = {}
        for axes, title in zip(figure.axes, titles, strict=False):
            rows.setdefault(round(axes.get_position().y0, 6), set()).add(title)
        assert all(len(row) == 1 for row in rows.values())

    @pytest.mark.slow
    @pytest.mark.parametrize("view", VIEWS)
    @pytest.mark.parametrize("width", [4, 60])
    def test_long_names_and_odd_widths_stay_on_the_paper(self, view: str, width: float) -> None:
        long = "n" * 64
        tree = Compartment("s" * 64, dendrites=[Compartment("d" * 64, 3, synapses=Synapses(4, long))])
        morphology = Morphology(long, {long: tree}, [Layer("l" * 64, long, 2)], inputs={long: None})
        for what in ([morphology], [morphology, morphology]):
            figure = draw.figure(
                [ModelSource(one, inputs={long: (6, 6)}) for one in what], view, draw.Style(width=width)
            )
            _within(figure)
            for axes in figure.axes:
                assert not overlapping(boxes(figure, texts(axes)), 1.5)

    def test_a_users_style_does_not_reach_it(self, tmp_path: Path) -> None:
        draw.save(draw.figure("dann-lrf"), tmp_path / "one.svg")
        with matplotlib.rc_context(
            {"font.size": 30, "lines.linewidth": 9, "svg.fonttype": "path", "savefig.facecolor": "red"}
        ):
            draw.save(draw.figure("dann-lrf"), tmp_path / "two.svg")
        assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"view": "nuron"}, "unknown view 'nuron'\n  did you mean 'neuron'?"),
        ({"view": ""}, "unknown view ''"),
        ({"view": []}, "no view is named"),
        ({"style": "papre"}, "unknown style 'papre'\n  did you mean 'paper'?"),
        ({"palette": "jet"}, "unknown palette 'jet'\n  "),
        ({"width": "tripple"}, "unknown width 'tripple'\n  "),
        ({"width": "nan"}, "unknown width 'nan'"),
        ({"width": 0}, "a width of 0 cm\n  a figure is 4 to 200 cm wide"),
        ({"width": "900"}, "a width of 900 cm"),
        ({"font": "Arail"}, "there is no font 'Arail' on this machine"),
        ({"layer": "hiden"}, "no layer 'hiden'\n  did you mean 'hidden'?"),
        ({"neuron": 64}, "no neuron 64 in layer 'hidden'\n  they are numbered from 0 to 63"),
        ({"neuron": -1}, "no neuron -1 in layer 'hidden'"),
        (
            {"view": "network", "neuron": 3},
            "'neuron' has no effect on the view network\n  leave it out, or draw neuron",
        ),
        ({"view": "matrix", "layer": "hidden"}, "'layer' has no effect on the view matrix"),
        ({"neuron": "3"}, "neuron must be a whole number, found '3'"),
        ({"neuron": True}, "neuron must be a whole number, found True"),
        ({"label": "no"}, "label must be True or False, found 'no'"),
        ({"view": 5}, "view must name views, found 5"),
        ({"view": "activity", "sample": "x"}, "sample must be a whole number, found 'x'"),
        ({"data_dir": Path("there")}, "has no effect without `data`"),
        ({"font": "cmr10"}, "the font 'cmr10' lacks"),
        ({"columns": 0}, "0 columns for 1 panels\n  give a number from 1 to 1"),
        ({"view": "activity", "sample": 100_000}, "no test sample 100000 in digits\n  they are numbered from 0 to"),
        ({"data": "digits", "inputs": {"image": (4, 4)}}, "`inputs` and `data` both give the shape of the inputs"),
        ({"inputs": {"sound": (4, 4)}}, "`inputs`: there is no stream 'sound'\n  streams: image"),
        (
            {"view": "network", "fold": False, "overrides": {"dendrites": 1500, "somata": 1000, "synapses": 1}},
            "too many to be drawn one by one",
        ),
    ],
)
def test_what_cannot_be_drawn(options: dict[str, Any], message: str) -> None:
    asked = {name: options[name] for name in ("view", "sample") if name in options}
    source = {name: options[name] for name in ("overrides", "inputs", "data", "data_dir") if name in options}
    style = {name: value for name, value in options.items() if name not in {**asked, **source}}
    with pytest.raises(DendrographError) as raised:
        draw.figure(ModelSource("dann-lrf", **source), style=draw.Style(**style), **asked)
    assert message in str(raised.value)


def test_what_is_nothing_to_draw() -> None:
    with pytest.raises(DendrographError, match="`model`: expected str or path or Compartment"):
        draw.figure(5)  # type: ignore[arg-type]
    with pytest.raises(DendrographError, match="nothing to draw"):
        draw.figure([])
    with pytest.raises(DendrographError, match="the seed of a graph cannot be changed: found seed=3"):
        draw.figure(ModelSource(small(), seed=3))


def test_a_tree_too_deep_for_paper_is_sent_to_the_page() -> None:
    dendrite = Compartment("d", synapses=Synapses(4))
    for _ in range(499):
        dendrite = Compartment("d", synapses=Synapses(4), dendrites=(dendrite,))
    deep = Morphology("deep", {"n": Compartment(dendrites=(dendrite,))}, (Layer("h", "n", 1),))
    with pytest.raises(DendrographError, match=r"cm high, 200 are the most\n  draw it as an interactive page"):
        draw.figure(ModelSource(deep, inputs={"image": (8, 8)}))

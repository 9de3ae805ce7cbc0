"""The figure of continual learning, read off the artists; and its files, which are the same each time."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dendrograph.base.errors import DendrographError
from dendrograph.draw.canvas.figure import as_bytes
from dendrograph.draw.plots.continual import MOST_NUMBERS, MOST_ROWS, continual_figure

MATRIX = np.array([[0.1, 0.2, 0.3], [0.8, 0.25, 0.2], [0.6, 0.9, 0.5], [0.5, 1.0, 0.7]])


def many(tasks: int) -> np.ndarray:
    return np.linspace(0, 1, (tasks + 1) * tasks).reshape(tasks + 1, tasks)


def panels(figure: Any) -> list[tuple[Any, Any]]:
    """The heat map and the lines of each row; a colour bar is no panel."""
    axes = [each for each in figure.axes if each.get_xlabel()]
    return list(zip(axes[::2], axes[1::2], strict=True))


def test_the_heat_map_is_the_matrix_with_its_numbers() -> None:
    ((heat, _),) = panels(continual_figure({"dann": MATRIX}))
    (image,) = heat.images
    assert np.allclose(image.get_array(), 100 * MATRIX) and image.get_clim() == (0, 100)
    assert tuple(image.get_extent()) == (-0.5, 2.5, 3.5, -0.5), "row 0, before any training, is at the top"
    found = {text.get_position(): text.get_text() for text in heat.texts}
    assert found == {(column, row): f"{100 * share:.1f}" for (row, column), share in np.ndenumerate(MATRIX)}
    assert [label.get_text() for label in heat.get_xticklabels()] == ["1", "2", "3"]
    assert [label.get_text() for label in heat.get_yticklabels()] == ["0", "1", "2", "3"]
    assert (heat.get_xlabel(), heat.get_ylabel()) == ("Tested on task", "Tasks learnt")
    assert heat.get_title(loc="left") == "dann"


def test_a_frame_is_around_the_task_that_was_learnt_last() -> None:
    ((heat, _),) = panels(continual_figure({"dann": MATRIX}))
    centres = [(line.get_xdata()[:4].mean(), line.get_ydata()[:4].mean()) for line in map(arrays, heat.lines)]
    assert centres == [(0, 1), (1, 2), (2, 3)]


def arrays(line: Any) -> Any:
    line.set_data(*map(np.asarray, line.get_data()))
    return line


def test_numbers_can_be_read_on_their_ground() -> None:
    ((heat, _),) = panels(continual_figure({"dann": many(6)}))
    image = heat.images[0]
    for text in heat.texts:
        column, row = text.get_position()
        ground = image.cmap(image.norm(100 * many(6)[row, column]))[:3]
        light = float(np.dot(ground, (0.2126, 0.7152, 0.0722)))
        assert light < 0.6 if text.get_color() == "white" else light > 0.3


def test_a_line_is_a_column_dotted_until_it_is_learnt() -> None:
    ((_, curves),) = panels(continual_figure({"dann": MATRIX}))
    assert curves.get_ylim() == (0, 100)
    for task, (before, after) in enumerate(zip(curves.lines[::2], curves.lines[1::2], strict=True)):
        assert (before.get_linestyle(), after.get_linestyle()) == (":", "-")
        assert list(before.get_xdata()) == list(range(task + 2)), "up to where it has been learnt"
        assert list(after.get_xdata()) == list(range(task + 1, 4))
        assert np.allclose(before.get_ydata(), 100 * MATRIX[: task + 2, task])
        assert np.allclose(after.get_ydata(), 100 * MATRIX[task + 1 :, task])
    assert [text.get_text() for text in curves.get_legend().get_texts()] == ["1", "2", "3"]
    assert len({line.get_marker() for line in curves.lines[1::2]}) == 3, "told apart without colour too"


def test_a_row_a_matrix() -> None:
    rows = panels(continual_figure({"one": MATRIX, "two": many(2)}))
    assert [heat.get_title(loc="left") for heat, _ in rows] == ["one", "two"]
    assert [len(curves.lines) for _, curves in rows] == [6, 4]


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [2, 10, MOST_NUMBERS, MOST_NUMBERS + 1, 40])
def test_many_tasks_are_shown_with_fewer_words(tasks: int) -> None:
    figure = continual_figure({"many": many(tasks)})
    as_bytes(figure, "png")
    ((heat, curves),) = panels(figure)
    told = tasks <= MOST_NUMBERS
    assert len(heat.texts) == (tasks * (tasks + 1) if told else 0)
    assert (curves.get_legend() is not None) == told
    assert len(heat.get_xticks()) <= 10
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in heat.texts]
    assert not any(one.overlaps(other) for at, one in enumerate(boxes) for other in boxes[at + 1 : at + 2 * tasks])
    if told:
        legend = curves.get_legend().get_window_extent(renderer)
        assert legend.y0 >= 0 and legend.x1 <= figure.bbox.x1


@pytest.mark.slow
@pytest.mark.parametrize("form", ["png", "pdf"])
def test_the_same_matrix_gives_the_same_bytes(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = as_bytes(continual_figure({"one": MATRIX}), form)
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert as_bytes(continual_figure({"one": MATRIX}), form) == first
    assert as_bytes(continual_figure({"two": MATRIX}), form) != first


def test_the_width_is_that_of_two_columns() -> None:
    with Image.open(io.BytesIO(as_bytes(continual_figure({"one": MATRIX}), "png"))) as image:
        assert image.size[0] / 300 * 25.4 == pytest.approx(183, abs=1)


@pytest.mark.parametrize(
    "matrix", [[[0.5]], np.zeros((1, 0)), np.zeros((2, 1)), np.zeros((2, 2)), 100 * MATRIX, MATRIX * np.nan, []]
)
def test_what_is_no_matrix_of_accuracies_is_refused(matrix: Any) -> None:
    with pytest.raises(DendrographError, match="one: not a matrix of accuracies"):
        continual_figure({"one": matrix})


@pytest.mark.parametrize("number", [0, MOST_ROWS + 1])
def test_none_and_too_many_are_refused(number: int) -> None:
    with pytest.raises(DendrographError, match=f"{number} matrices of accuracies\n  a figure shows 1 to {MOST_ROWS}"):
        continual_figure({str(one): MATRIX for one in range(number)})

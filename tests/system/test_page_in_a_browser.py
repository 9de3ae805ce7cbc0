"""The interactive page: what it embeds is the graph, and in a real browser it answers mouse and keys, offline."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from tools import tool

from dendrograph import DendriticNetwork, Graph, Morphology, build, compile, draw, load
from dendrograph.base.errors import DendrographError
from dendrograph.cli.main import main
from dendrograph.draw.diagrams.network_layout import columns_of
from dendrograph.draw.functions import draw_to, page
from dendrograph.draw.web_page import interactive
from dendrograph.training.model_source import ModelSource

# ---- the text ------------------------------------------------------------------------------------------------------


class _Data(HTMLParser):
    """The JSON that a page embeds, and the tags and attributes that could fetch something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inside, self.text, self.fetched, self.open = False, "", [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.inside = given.get("id") == "data"
        self.fetched += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        if tag not in ("meta", "link", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.inside = False

    def handle_data(self, data: str) -> None:
        self.text += data if self.inside else ""


def _content(text: str) -> dict[str, Any]:
    return json.loads(_Data(text).text)


def _unpacked(packed: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["data"]), dtype=np.dtype(packed["type"]).newbyteorder("<"))


def _edges(one: dict[str, Any], content: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Source and target of each edge, as the page says them."""
    sources, targets = (content["groups"][one[end]]["size"] for end in ("source", "target"))
    if one["form"] == "all":
        return np.tile(np.arange(sources), targets), np.repeat(np.arange(targets), sources)
    if one["form"] == "tree":
        return np.arange(sources), np.arange(sources) // (sources // targets)
    fan = np.full(targets, one["fan"]) if isinstance(one["fan"], int) else _unpacked(one["fan"])
    return _unpacked(one["sources"]), np.repeat(np.arange(targets), fan)


THREE_STREAMS = Morphology.from_dict(
    {
        "name": "three-streams",
        "inputs": {"left": [9, 9], "right": [6, 6, 3], "context": 5},
        "neurons": {
            "cell": {
                "nonlinearity": "relu",
                "dendrites": [
                    {
                        "name": "a",
                        "count": 3,
                        "nonlinearity": "nmda",
                        "synapses": {"count": 4, "from": "left", "field": "local"},
                    },
                    {"name": "b", "synapses": {"count": 30, "from": ["right", "context"], "field": "random"}},
                ],
            },
            "point": {"nonlinearity": "tanh", "synapses": {"count": "all", "from": "previous"}},
        },
        "layers": [{"name": "one", "neuron": "cell", "count": 5}, {"name": "two", "neuron": "point", "count": 1}],
    }
)


def _graphs() -> dict[str, Callable[[], Graph]]:
    shipped = ("apical-basal", "asymmetric-pyramidal", "dann-grf", "interneuron-sublinear", "k-tree", "psann", "vann")
    made: dict[str, Callable[[], Graph]] = {}
    for name in shipped:
        made[name] = lambda name=name: build(name, _shapes(load(name)), 10).graph
    made["three-streams"] = lambda: compile(THREE_STREAMS, _shapes(THREE_STREAMS), 10, 0)
    made["rgb"] = lambda: build("dann-lrf", (8, 8, 3), 3, overrides={"somata": 5, "dendrites": 2}).graph
    made["prime"] = lambda: build("dann-random", (101,), 2, overrides={"somata": 3, "dendrites": 2}).graph
    made["one of each"] = lambda: (
        build("dann-random", (1, 1), 1, overrides={"somata": 1, "dendrites": 1, "synapses": 1}).graph
    )
    return made


def _shapes(morphology: Morphology) -> dict[str, tuple[int, ...]]:
    return {name: shape or (28, 28) for name, shape in morphology.inputs.items()}


@pytest.mark.parametrize("name", _graphs())
def test_a_page_holds_the_graph_edge_by_edge(name: str) -> None:
    graph = _graphs()[name]()
    content = _content(page(graph))
    assert content["name"] == graph.name and not content["weighted"]
    assert [(one["name"], one["size"], one["role"], one["bias"]) for one in content["groups"]] == [
        (group.name, group.size, group.role, group.bias) for group in graph.groups
    ]
    assert len(content["projections"]) == len(graph.projections)
    for one, projection in zip(content["projections"], graph.projections, strict=True):
        sources, targets = _edges(one, content)
        expected = projection.endpoints()
        assert one["edges"] == projection.edges
        assert np.array_equal(sources, expected[0]) and np.array_equal(targets, expected[1])
        assert "weights" not in one


def test_a_networks_page_holds_its_weights() -> None:
    network = build("asymmetric-pyramidal", (28, 28), 10, seed=3)
    content = _content(page(network))
    assert content["weighted"]
    for one in content["projections"]:
        assert np.array_equal(_unpacked(one["weights"]), network.weight(one["name"]).detach().numpy())


def test_children_lie_around_their_neuron_apart_from_each_other() -> None:
    for name, make in _graphs().items():
        content = _content(page(make()))
        for block in content["blocks"]:
            if block["role"] != "layer":
                continue
            own = [content["groups"][number] for number in block["groups"]]
            radius = [np.full(one["each"], 0.66 if one["role"] == "soma" else 0.42) for one in own]
            at, wide = np.concatenate([_unpacked(one["around"]).reshape(-1, 2) for one in own]), np.concatenate(radius)
            assert (np.hypot(*at.T) + wide).max() <= block["side"] / 2 + 1e-3, name
            apart = np.hypot(*np.moveaxis(at[:, None] - at[None], 2, 0)) + 9 * np.eye(len(at))
            assert (apart >= wide[:, None] + wide[None]).all(), name


def test_streams_layers_and_readout_stand_in_columns_from_left_to_right() -> None:
    for make in _graphs().values():
        graph = make()
        column = columns_of(graph)
        for one in graph.projections:
            source, target = (graph.by_name[end].layer for end in (one.source, one.target))
            assert column[source] < column[target] if one.kind == "synapse" else source == target


def test_it_fetches_nothing_and_is_the_same_each_time() -> None:
    text = page("deep-dann")
    assert text == page("deep-dann")
    assert set(_Data(text).fetched) == {"data:,"}
    assert not re.search(r"https?:|//[a-z]|\b(import|fetch|XMLHttpRequest|WebSocket)\b *[( ]", text.split("<style>")[1])
    assert "default-src 'none'" in text
    assert "{{" not in text


def test_each_script_of_the_page_is_on_it_once() -> None:
    folder = Path(interactive.__file__).parent / "page"
    assert sorted(f"{name}.js" for name in interactive.SCRIPTS) == sorted(path.name for path in folder.glob("*.js"))
    text = page("vann")
    for path in (*folder.glob("*.js"), folder / "page.css"):
        assert text.count(path.read_text(encoding="utf-8")) == 1


def test_text_stays_text_whatever_a_name_holds() -> None:
    graph = build("dann-lrf", (4, 4), 2, overrides={"somata": 2, "dendrites": 2, "synapses": 2}).graph
    odd = "</script><script>alert('&{{data}}')</script><!--\u2028"
    text = page(Graph(odd, graph.groups, graph.projections, graph.inputs, graph.classes, graph.seed))
    assert _content(text)["name"] == odd
    assert text.count("<script") == 2 and "<!--" not in text.split("<title>")[1]


def test_a_large_page_is_small_and_too_large_a_one_is_refused(tmp_path: Path) -> None:
    large = page(ModelSource("dann-lrf", overrides={"dendrites": 64, "somata": 512}))
    assert len(large.encode()) < 5_000_000
    file = tmp_path / "net.html"
    with pytest.raises(DendrographError) as caught:
        draw_to(file, [ModelSource("dann-lrf", overrides={"dendrites": 512, "somata": 512})])
    assert str(caught.value) == (
        "dann-lrf: 4,456,448 edges are too many for a page, 3,000,000 are the most\n"
        "  make the network smaller with `overrides`, or export all edges as FILE.npz"
    )
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["dann-lrf", "vann"],
            "net.html: an interactive page shows one network, not 2\n  make a page for each",
        ),
        (
            ["dann-lrf", "--view", "neuron"],
            "net.html: an interactive page shows the network\n"
            "  leave --view out, or draw the view as a figure: .pdf, .svg or .png",
        ),
        *(
            (
                ["dann-lrf", *given],
                f"'{name}' has no effect on an interactive page\n  leave it out, or draw a figure: .pdf, .svg or .png",
            )
            for name, *given in (
                ("width", "--width", "12"),
                ("columns", "--columns", "1"),
                ("label", "--no-label"),
                ("layer", "--layer", "hidden"),
                ("neuron", "--neuron", "1"),
                ("font", "--font", "DejaVu Serif"),
                ("sample", "--sample", "3"),
            )
        ),
        (["dann-lrf", "--style", "drak"], "unknown style 'drak'\n  did you mean 'dark'? styles: dark, paper, talk"),
    ],
)
def test_what_means_nothing_for_a_page_is_refused(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["draw", *arguments, "-o", "net.html"])
    assert left.value.code
    assert capsys.readouterr().err.rstrip("\n") == f"error: {message}"
    assert not [*tmp_path.iterdir()]


# ---- in a browser --------------------------------------------------------------------------------------------------


class Page:
    """A page in a browser, and the hands of whoever looks at it."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser

    def open(self, file: Path) -> None:
        self.browser.get(file.as_uri())

    def state(self) -> dict[str, Any]:
        return self.browser.execute_script("return window.dendrograph.state()")

    def find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def at(self, name: str) -> tuple[int, int]:
        found = self.browser.execute_script("return window.dendrograph.locate(arguments[0])", name)
        assert found is not None, f"{name} is nowhere"
        return round(found["x"]), round(found["y"])

    def corner(self) -> tuple[int, int]:
        """Where nothing lies."""
        box = self.find("#scene").rect
        return round(box["x"] + box["width"]) - 9, round(box["y"] + box["height"]) - 9

    def mouse(self, x: int, y: int) -> ActionChains:
        """The mouse there; what it does next is to be added, and performed."""
        hands = ActionChains(self.browser, duration=0)
        hands.w3c_actions.pointer_action.move_to_location(x, y)
        return hands

    def hover(self, name: str) -> str:
        """Move the mouse onto a thing, and read its tooltip."""
        self.mouse(*self.at(name)).perform()
        return self.find("#tip").text

    def search(self, text: str) -> None:
        box = self.find("#search")
        box.clear()
        box.send_keys(text)

    def picture(self) -> bytes:
        return self.browser.get_screenshot_as_png()


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = tool("chromium")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--window-size=1280,800",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=tool("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture
def screen(browser: webdriver.Chrome) -> Iterator[Page]:
    """The browser; after each test its log holds no word, and nothing was asked of any other place."""
    yield Page(browser)
    assert browser.get_log("browser") == []
    fetched = browser.execute_script("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert [name for name in fetched if not name.startswith("data:")] == []


@pytest.fixture(scope="module")
def network() -> DendriticNetwork:
    return build("asymmetric-pyramidal", (28, 28), 10, seed=1)


@pytest.fixture(scope="module")
def file(network: DendriticNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "net.html"
    assert draw_to(path, [network]) == ([path], ())
    return path


def _lines(tip: str) -> list[str]:
    return tip.splitlines()


def test_hovering_tells_of_a_compartment(screen: Page, file: Path, network: DendriticNetwork) -> None:
    screen.open(file)
    still = screen.picture()
    lines = _lines(screen.hover("hidden/basal[13]"))
    graph = network.graph
    (onto,) = graph.onto("hidden/basal")
    edges = np.flatnonzero(onto.endpoints()[1] == 13)
    assert lines[0] == "hidden/basal[13] of neuron 3"
    told = " ".join(lines)
    assert "nmda threshold=0.5 gain=4 plateau=1" in told
    assert f"synapses {len(edges)} from image" in told and "children 0" in told and "bias 1" in told
    cable = network.weight("hidden/basal->hidden/soma").detach()[13]
    assert f"to hidden/soma[3], weight {cable:.4f}".replace("-", "−") in told
    weights = network.weight(onto.name).detach()[torch.from_numpy(edges)].numpy()
    strongest = np.argsort(-np.abs(weights), kind="stable")[:6]
    for k in strongest:
        source = onto.endpoints()[0][edges[k]]
        assert f"image[{source}] {weights[k]:.4f}".replace("-", "−") in told
    assert f"{len(edges) - 6} more" in told
    state = screen.state()
    assert state["hovered"] == "hidden/basal[13]" and state["selected"] is None
    assert state["drawn"]["synapses"] == len(edges)
    assert screen.picture() != still
    # Away from it nothing is left.
    screen.mouse(*screen.corner()).perform()
    assert screen.state()["hovered"] is None and not screen.find("#tip").is_displayed()


def test_hovering_tells_of_trunk_soma_pixel_and_readout(screen: Page, file: Path, network: DendriticNetwork) -> None:
    screen.open(file)
    graph = network.graph
    trunk = screen.hover("hidden/trunk[5]")
    assert "synapses 0" in " ".join(_lines(trunk)) and "2 oblique, 2 tuft" in trunk and "× 0.819" in trunk
    soma = screen.hover("hidden/soma[7]")
    assert "10 of readout" in soma and "4 basal, 1 trunk" in soma
    pixel = screen.hover("image[300]")
    assert pixel.startswith("image[300]: row 10, column 20")
    for one in graph.projections:
        if one.source == "image":
            assert f"{one.fan_out()[300]} of {one.target}" in pixel
    readout = screen.hover("readout[4]")
    assert "64 from hidden/soma" in readout
    assert screen.state()["drawn"]["synapses"] == 64


def test_clicking_pins_and_escape_clears(screen: Page, file: Path) -> None:
    screen.open(file)
    screen.mouse(*screen.at("hidden/basal[13]")).click().perform()
    assert screen.state()["selected"] == "hidden/basal[13]"
    screen.hover("image[3]")
    assert screen.find("#details h2").text == "hidden/basal[13] of neuron 3"
    assert screen.state()["selected"] == "hidden/basal[13]"
    ActionChains(screen.browser, duration=0).send_keys(Keys.ESCAPE).perform()
    assert screen.state()["selected"] is None and not screen.find("#details").is_displayed()
    screen.mouse(*screen.at("hidden/soma[3]")).click().perform()
    assert screen.state()["selected"] == "hidden/soma[3]"
    screen.find("#details button").click()
    assert screen.state()["selected"] is None


def test_a_heading_folds_and_unfolds_its_layer(screen: Page, file: Path, network: DendriticNetwork) -> None:
    screen.open(file)
    assert screen.state()["unfolded"] == ["hidden"]
    drawn = screen.state()["drawn"]
    assert drawn["compartments"] == network.graph.compartments and drawn["neurons"] == 0
    heading = screen.find("button.heading")
    assert heading.get_attribute("aria-expanded") == "true" and "64 neurons" in heading.text
    heading.click()
    assert screen.state()["folded"] == ["hidden"] and screen.state()["drawn"]["compartments"] == 0
    assert screen.find("button.heading").get_attribute("aria-expanded") == "false"
    tip = screen.hover("hidden/basal")
    assert "256: 4 in each of 64 neurons" in tip and "4,096 from image, local" in tip
    assert screen.state()["hovered"] == "hidden/basal"
    screen.find("button.heading").send_keys(Keys.ENTER)
    assert screen.state()["unfolded"] == ["hidden"] and screen.state()["drawn"] == {
        **drawn,
        "milliseconds": screen.state()["drawn"]["milliseconds"],
    }
    screen.find("#fold").click()
    assert screen.state()["folded"] == ["hidden"]
    screen.find("#unfold").click()
    assert screen.state()["folded"] == []


def test_searching_by_name(screen: Page, file: Path) -> None:
    screen.open(file)
    screen.find("#fold").click()
    screen.search("hidden/basal[12]")
    assert screen.state()["matches"] == ["hidden/basal[12] of neuron 3"]
    screen.find("#search").send_keys(Keys.ENTER)
    state = screen.state()
    assert state["selected"] == "hidden/basal[12]" and state["unfolded"] == ["hidden"] and state["zoom"] > 1
    x, y = screen.at("hidden/basal[12]")
    assert 200 < x < 1080 and 150 < y < 650, "it was brought into the middle"
    assert screen.find("#details h2").text == "hidden/basal[12] of neuron 3"
    # Of several matches the arrows choose, and so does the mouse.
    screen.search("trunk")
    names = ["hidden/trunk", "hidden/trunk/tuft", "hidden/trunk/oblique"]
    assert screen.state()["matches"][0] == names[0] and sorted(screen.state()["matches"]) == sorted(names)
    second = screen.state()["matches"][1]
    screen.find("#search").send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    assert screen.state()["selected"] == second
    screen.search("trunk")
    screen.browser.find_elements(By.CSS_SELECTOR, "#matches li")[0].click()
    assert screen.state()["selected"] == "hidden/trunk"
    screen.search("neuron 3")
    screen.find("#search").send_keys(Keys.ENTER)
    assert screen.state()["selected"] == "hidden neuron 3"
    told = screen.find("#details").text
    assert "128 from image" in told.replace("\n", " ") and "compartments\n10" in told
    screen.search("image[10, 20]")
    assert screen.state()["matches"] == ["image[300]: row 10, column 20"]
    screen.find("#search").send_keys(Keys.ESCAPE)
    assert screen.state()["matches"] == [] and screen.state()["selected"] is None


@pytest.mark.parametrize(
    "text", ["nothing", "hidden/basal[256]", "hidden/basal[-1]", "neuron 64", "[", "(", "\\", "image[28,0]"]
)
def test_a_search_without_a_match_says_so(screen: Page, file: Path, text: str) -> None:
    if screen.browser.current_url != file.as_uri():
        screen.open(file)
    screen.search(text)
    screen.find("#search").send_keys(Keys.ENTER)
    assert screen.state()["matches"] == [] and screen.state()["selected"] is None
    assert "Nothing of this name" in screen.find("#matches").text


def test_wheel_drag_and_keys_move_the_view(screen: Page, file: Path) -> None:
    screen.open(file)
    x, y = screen.at("hidden/soma[20]")
    hands = screen.mouse(x, y)
    hands.w3c_actions.wheel_action.scroll(x, y, 0, -400)
    hands.perform()
    assert screen.state()["zoom"] > 1.5
    now = screen.at("hidden/soma[20]")
    assert abs(now[0] - x) <= 1 and abs(now[1] - y) <= 1, "what lies under the mouse stays there"
    hands = screen.mouse(x, y).click_and_hold()
    for step in (10, 50, 120):
        hands.w3c_actions.pointer_action.move_to_location(x + step, y + step // 2)
    hands.release().perform()
    now = screen.at("hidden/soma[20]")
    assert abs(now[0] - x - 120) <= 1 and abs(now[1] - y - 60) <= 1
    assert screen.state()["selected"] is None, "a drag is no click"
    zoomed = screen.state()["zoom"]
    screen.find("#in").click()
    assert screen.state()["zoom"] > zoomed
    ActionChains(screen.browser, duration=0).send_keys("0").perform()
    assert screen.state()["zoom"] == 1
    screen.find("#out").click()
    assert screen.state()["zoom"] < 1
    screen.mouse(*screen.corner()).double_click().perform()
    assert screen.state()["zoom"] == 1


def test_a_large_layer_starts_folded_and_unfolds(screen: Page, tmp_path: Path) -> None:
    graph = build("dann-lrf", (28, 28), 10, overrides={"dendrites": 64, "somata": 512}).graph
    file = tmp_path / "net.html"
    draw_to(file, [graph])
    screen.open(file)
    assert screen.state()["folded"] == ["hidden"]
    screen.find("button.heading").click()
    drawn = screen.state()["drawn"]
    assert drawn["compartments"] in (0, graph.compartments) and drawn["compartments"] + drawn["neurons"] > 0
    screen.search("dendrite[20000]")
    screen.find("#search").send_keys(Keys.ENTER)
    state = screen.state()
    assert state["selected"] == "hidden/dendrite[20000]"
    assert 0 < state["drawn"]["compartments"] < 2000, "what is out of sight is not drawn"
    sources = graph.onto("hidden/dendrite")[0].endpoints()[0][20000 * 16 : 20001 * 16]
    assert ", ".join(f"image[{source}]" for source in sources[:10]) in screen.find("#details").text


@pytest.mark.parametrize("name", ["three-streams", "rgb", "prime", "one of each", "k-tree", "interneuron-sublinear"])
def test_networks_of_every_shape_open(screen: Page, tmp_path: Path, name: str) -> None:
    """Each of its compartments is where it is said to be, folded or not."""
    graph = _graphs()[name]()
    file = tmp_path / "net.html"
    draw_to(file, [graph], style=draw.Style(style="dark"))
    screen.open(file)
    screen.find("#unfold").click()
    for group in graph.groups:
        thing = f"{group.name}[{group.size - 1}]"
        screen.hover(thing)
        assert screen.state()["hovered"] == thing
    screen.find("#fold").click()
    for group in graph.groups:
        if group.role in ("soma", "dendrite"):
            screen.hover(group.name)
            assert screen.state()["hovered"] == group.name


def test_on_a_phone_columns_lie_below_each_other(screen: Page, file: Path) -> None:
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 3, "mobile": True}
    screen.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        screen.open(file)
        assert screen.state()["upright"]
        assert screen.at("image[400]")[1] < screen.at("hidden/soma[0]")[1] < screen.at("readout[0]")[1]
        canvas = screen.find("#scene")
        assert int(canvas.get_attribute("width") or 0) == 3 * 390
        assert screen.browser.execute_script("return document.documentElement.scrollWidth") <= 390
        screen.mouse(*screen.at("hidden/basal[9]")).click().perform()
        assert screen.find("#details h2").text == "hidden/basal[9] of neuron 2"
        # Where its synapses lie is seen on a small image of their source, beside the numbers.
        panel, image = screen.find("#details").rect, screen.find("#details canvas").rect
        assert panel["x"] < image["x"] and image["x"] + image["width"] < panel["x"] + panel["width"] <= 390
        assert image["width"] == image["height"]
    finally:
        screen.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

"""Plugins: what a file may cause to be imported, and that what they add is like what is built in."""

from __future__ import annotations

import importlib
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dendrograph import DendriticNetwork, DendrographError, Morphology, build, compile, load
from dendrograph.base.errors import MorphologyError, RunError
from dendrograph.cli.main import main
from dendrograph.morphology import plugins
from dendrograph.morphology.nonlinearities import NONLINEARITIES
from dendrograph.morphology.receptive_fields import OWN
from dendrograph.training.run import Run

pytestmark = pytest.mark.usefixtures("registries")

CUBE = '''
"""A nonlinearity and a field."""

from dendrograph import register_field, register_nonlinearity

print("imported", __name__)


@register_nonlinearity("cube", equation="f(u) = strength u^3", parameters={"strength": 1.0}, positive=["strength"])
def cube(u, strength):
    return strength * u**3


@register_field("middle", positions=True)
def middle(request):
    start = (request.sources - request.count) // 2
    return [range(start, start + request.count)] * request.compartments
'''

FILE = """\
name: mine
{plugins}
neurons:
  n:
    nonlinearity: {{name: cube, strength: 0.1}}
    dendrites:
      - name: d
        count: 3
        nonlinearity: {{name: cube, strength: {{value: 0.5, trainable: compartment}}}}
        synapses: {{count: 6, field: middle, nonlinearity: cube}}
layers:
  - {{name: h, neuron: n, count: 8}}
"""


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of its own, with `mine.py` and three morphologies that need it."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(CUBE)
    Path("named.yaml").write_text(FILE.format(plugins="plugins: [mine]"))
    Path("unnamed.yaml").write_text(FILE.format(plugins=""))


def install(name: str, value: str, package: str = "acme", folder: str = "site") -> Path:
    """What `pip install` leaves of a package with an entry point; it lies on sys.path."""
    site = Path(folder).resolve()
    info = site / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[dendrograph.plugins]\n{name} = {value}\n")
    if str(site) not in sys.path:
        sys.path.append(str(site))
    return site


def told(call: Callable[[], object]) -> str:
    with pytest.raises(DendrographError) as error:
        call()
    text = str(error.value)
    assert text.replace("\n", "").isprintable()
    return text


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    return int(stopped.value.code or 0)


class TestWhatAFileMayCause:
    """Nothing but the import of what the user installed as a plugin, or named himself."""

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "name",
        [
            *("os", "subprocess", "antigravity", "this", "json.tool", "mine", "acme", "dendrograph.cli.main", "torch"),
            *(
                "../../x",
                "./mine.py",
                "mine.py",
                "/etc/passwd",
                "C:\\x.py",
                "file:///x.py",
                "os:system",
                "http://x/y.py",
            ),
            *("", " ", ".", "..", "*", "$", "__main__", "__import__('os')", "a" * 300, "größer"),
        ],
    )
    def test_any_other_name_is_refused_and_imports_nothing(self, name: str, capsys: Any) -> None:
        Path("evil.yaml").write_text(FILE.format(plugins=f"plugins: [{json.dumps(name)}]"))
        load("dann-lrf")  # what reading and looking for plugins need themselves is there by now
        plugins.installed()
        before = {key: id(module) for key, module in sys.modules.items()}
        text = told(lambda: load("evil.yaml"))
        assert text.startswith("evil.yaml:2:11: plugins[0]: there is no plugin '"), text
        assert text.endswith(
            "\n  installed or named: none\n  a module or a file of your own is named by plugins=[...], too"
        )
        assert {key: id(module) for key, module in sys.modules.items()} == before
        assert not capsys.readouterr().out

    def test_in_a_fresh_process(self) -> None:
        """With the working directory on sys.path, as `python -m dendrograph` has it, and a plugin declared there."""
        install("mine", "mine", folder=".")
        command = [
            sys.executable,
            "-c",
            "import sys; sys.path[0] = ''; import dendrograph; dendrograph.load('named.yaml')",
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        assert "imported" not in done.stdout and "there is no plugin 'mine'" in done.stderr

    @pytest.mark.parametrize("entries", ["", ":", ".", "./", ":/nowhere", ".:/nowhere"])
    def test_a_folder_that_pythonpath_names_by_chance_brings_no_plugin(
        self, entries: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
    ) -> None:
        """An empty or relative entry means the working directory, wherever a stranger's files lie."""
        install("mine", "mine", folder=".")
        monkeypatch.setenv("PYTHONPATH", entries)
        sys.path[:] = [str(Path.cwd())] * (1 + bool(entries)) + sys.path[1:-1]
        assert "there is no plugin 'mine'" in told(lambda: load("named.yaml"))
        monkeypatch.setenv("PYTHONPATH", f"{entries}:{Path.cwd()}")  # meant
        sys.path.insert(1, str(Path.cwd()))
        assert load("named.yaml").plugins == ("mine",)

    def test_a_module_of_the_working_directory_does_not_stand_in_for_an_installed_one(self) -> None:
        install("mine", "mine")
        (Path("site") / "mine.py").write_text(CUBE)
        sys.path[:] = [str(Path.cwd()), *sys.path[1:]]  # as `python -m` has it
        assert "'mine' is hidden by" in told(lambda: load("named.yaml"))
        Path("mine.py").unlink()
        importlib.invalidate_caches()
        assert load("named.yaml").plugins == ("mine",)

    @pytest.mark.parametrize(
        ("line", "fault"),
        [
            ("plugins: mine", "2:10: plugins: expected a list of plugins, found 'mine'\n  write plugins: [mine]"),
            ("plugins: {mine: 1}", "2:10: plugins: expected a list of plugins, found the mapping {mine: 1}\n"),
            ("plugins:", "2:1: plugins: expected a list of plugins, found nothing"),
            ("plugins: []", "2:10: plugins: an empty list of plugins\n  give at least one, or leave the key out"),
            ("plugins: [[mine]]", "2:11: plugins[0]: expected the name of a plugin, found the list [mine]"),
            ("plugins: [5]", "2:11: plugins[0]: expected the name of a plugin, found 5"),
        ],
    )
    def test_what_is_no_list_of_names(self, line: str, fault: str) -> None:
        Path("wrong.yaml").write_text(FILE.format(plugins=line))
        assert told(lambda: load("wrong.yaml")).startswith(f"wrong.yaml:{fault}")

    def test_all_that_are_missing_are_told_at_once_and_nothing_that_follows(self) -> None:
        Path("wrong.yaml").write_text(FILE.format(plugins="plugins: [one, two, one]").replace("count: 8", "count: 0"))
        with pytest.raises(MorphologyError) as error:
            load("wrong.yaml", {"nothing": 3})
        assert [(fault.place, fault.problem) for fault in error.value.faults] == [
            ("overrides={'nothing': 3}", "there is no parameter 'nothing'"),
            ("wrong.yaml:2:11", "there is no plugin 'one'"),
            ("wrong.yaml:2:16", "there is no plugin 'two'"),
            ("wrong.yaml:2:21", "the plugin 'one' is given twice"),
        ]

    def test_a_setting_can_do_no_more_than_the_file(self) -> None:
        text = told(lambda: load("unnamed.yaml", {"plugins": "[mine]"}))
        assert text.startswith("overrides={'plugins': '[mine]'}: plugins[0]: there is no plugin 'mine'\n")
        assert load("unnamed.yaml", {"plugins": "[mine]"}, ["mine.py"]).plugins == ("mine",)

    def test_plain_values_can_do_no_more_than_a_file(self) -> None:
        data = load("named.yaml", plugins=["./mine.py"]).to_dict()
        for registry in (NONLINEARITIES, OWN):
            registry.pop("cube", None)
        plugins.IMPORTED.clear()
        assert "plugins[0]: there is no plugin 'mine'" in told(lambda: Morphology.from_dict(data))
        built = Morphology("it", {}, (), plugins=("os",))
        assert told(lambda: compile(built)).startswith("it: plugins[0]: there is no plugin 'os'\n")


class TestNamedByTheUser:
    """`plugins=` and `--plugin`: modules and files."""

    @pytest.mark.parametrize("named", ["mine.py", "./mine.py", "../inside/mine.py", Path("mine.py")])
    def test_a_file(self, named: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "inside").mkdir()
        Path("mine.py").rename("inside/mine.py")
        monkeypatch.chdir(tmp_path / "inside")
        found = load("../named.yaml", plugins=[named])
        assert found.plugins == ("mine",)
        assert "mine" not in sys.modules, "it hides no module"
        assert found.neurons["n"].nonlinearity.name == "cube"

    def test_a_module(self, tmp_path: Path) -> None:
        package = tmp_path / "lib" / "acme_dendrites"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "own.py").write_text(CUBE)
        sys.path.append(str(tmp_path / "lib"))
        found = load("unnamed.yaml", plugins=["acme_dendrites.own"])
        assert found.plugins == ("acme_dendrites.own",)
        assert load("unnamed.yaml", {"plugins": "[acme_dendrites.own]"}) == found

    def test_the_morphology_names_them_as_if_its_file_did(self) -> None:
        named, unnamed = (load(f"{name}.yaml", plugins=["mine.py"]) for name in ("named", "unnamed"))
        assert named == unnamed and named.to_yaml() == unnamed.to_yaml()
        assert "plugins: [mine]" in named.to_yaml()
        Path("again.yaml").write_text(named.to_yaml())
        assert load("again.yaml") == named, "known to the process from now on"

    def test_it_is_imported_once(self, capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for _ in range(2):
            load("named.yaml", plugins=["mine.py", "./mine.py", tmp_path / "mine.py"])
        build("named.yaml", (8, 8), plugins=["mine.py"])
        monkeypatch.chdir("/")
        load(tmp_path / "named.yaml")
        assert capsys.readouterr().out == "imported dendrograph_plugin_mine\n"

    def test_a_file_that_was_imported_as_a_module_already(self, tmp_path: Path) -> None:
        sys.path.append(str(tmp_path))
        __import__("mine")
        assert load("named.yaml", plugins=["mine.py"]).plugins == ("mine",)

    @pytest.mark.parametrize(
        ("named", "message"),
        [
            ("none.py", "plugin none.py: no such file\n  give a module, or a file such as ./mine.py"),
            ("./none", "plugin ./none: no such file\n"),
            ("/", "plugin /: a folder\n"),
            ("./named.yaml", "plugin ./named.yaml: no file of Python\n"),
            ("a\0b.py", "plugin a\\x00b.py: no such file\n"),
            ("x" * 5000 + ".py", "plugin xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...: no such file\n"),
            ("odd name.py", "plugin odd name.py: 'odd name' is not allowed in a morphology\n  give the file a name of"),
            ("acme.own", "plugin 'acme.own': there is no module 'acme'\n  installed or named: none\n  a file is given"),
            ("jsn", "plugin 'jsn': there is no module 'jsn'\n"),
            ("json.nothing", "plugin 'json.nothing': there is no module 'json.nothing'\n"),
            ("", "plugin '': neither a module nor a file\n  give one such as my_package.mine, or ./mine.py"),
            ("a b", "plugin 'a b': neither a module nor a file\n"),
            ("os:system", "plugin 'os:system': neither a module nor a file\n"),
            (".mine", "plugin '.mine': neither a module nor a file\n"),
        ],
    )
    def test_what_is_not_there(self, named: str, message: str) -> None:
        Path("odd name.py").touch()
        assert told(lambda: load("named.yaml", plugins=[named])).startswith(message)

    def test_a_single_name_is_no_list(self) -> None:
        text = told(lambda: load("named.yaml", plugins="mine.py"))
        assert text == "plugins is a list of modules and files\n  write plugins=['mine.py']"

    def test_two_files_of_one_name(self) -> None:
        Path("other").mkdir()
        Path("other/mine.py").write_text(CUBE)
        load("named.yaml", plugins=["mine.py"])
        here = Path("mine.py").resolve()
        assert told(lambda: load("named.yaml", plugins=["other/mine.py"])) == (
            f"plugin other/mine.py: 'mine' is {here} already\n  give it another name"
        )

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("import nothing_of_this_name", "mine.py:1: ModuleNotFoundError: No module named 'nothing_of_this_name'"),
            ("\n1 / 0", "mine.py:2: ZeroDivisionError: division by zero"),
            ("def f(:", "mine.py:1: SyntaxError: invalid syntax"),
            ("import sys\nsys.exit(3)", "mine.py:2: SystemExit: 3"),
            ("raise RuntimeError", "mine.py:1: RuntimeError"),
            ("raise ValueError('a\\nb' * 300)", "mine.py:1: ValueError: a\\nba\\nb"),
            ("from . import other", "mine.py:1: ImportError: attempted relative import with no known parent package"),
            ("import json\njson.loads('{')", "mine.py:2: JSONDecodeError: Expecting property name"),
            (
                "from dendrograph import register_field\nregister_field('local')(print)",
                "mine.py:2: field 'local' belongs to the language\n  choose another name",
            ),
            ("\0", "mine.py:1: SyntaxError" if sys.version_info >= (3, 12) else "ValueError: source code string"),
        ],
    )
    def test_errors_within_it(self, source: str, message: str) -> None:
        Path("mine.py").write_text(source)
        text = told(lambda: load("named.yaml", plugins=["mine.py"]))
        if source != "\0":
            assert text.startswith(f"plugin 'mine' cannot be imported\n  {message}"), text
        assert "Traceback" not in text and len(text) < 400
        assert "dendrograph_plugin_mine" not in sys.modules
        Path("mine.py").write_text(CUBE)
        assert load("named.yaml", plugins=["mine.py"]).plugins == ("mine",), "mended, it is imported"

    def test_half_of_it_may_be_there_already(self) -> None:
        Path("mine.py").write_text(CUBE + "\n1 / 0\n")
        assert "ZeroDivisionError" in told(lambda: load("named.yaml", plugins=["mine.py"]))
        Path("mine.py").write_text(CUBE)
        load("named.yaml", plugins=["mine.py"])

    def test_an_interruption_is_none_of_its_errors(self) -> None:
        Path("mine.py").write_text("raise KeyboardInterrupt")
        with pytest.raises(KeyboardInterrupt):
            load("named.yaml", plugins=["mine.py"])


class TestInstalled:
    """Entry points of the group `dendrograph.plugins`."""

    def test_a_file_may_name_it(self, capsys: Any) -> None:
        site = install("mine", "acme_dendrites.own")
        (site / "acme_dendrites").mkdir()
        (site / "acme_dendrites/__init__.py").touch()
        (site / "acme_dendrites/own.py").write_text(CUBE)
        assert load("named.yaml").plugins == ("mine",)
        assert load("named.yaml", plugins=["acme_dendrites.own", "mine"]).plugins == ("mine", "acme_dendrites.own")
        assert capsys.readouterr().out == "imported acme_dendrites.own\n"
        network = build("named.yaml", (8, 8), 3)
        assert network(torch.rand(2, 8, 8)).shape == (2, 3)

    def test_it_may_be_a_function_of_a_module(self) -> None:
        site = install("mine", "acme_own : register [extra]")
        lines = CUBE.replace("\n", "\n    ")
        (site / "acme_own.py").write_text(f"def register():\n    {lines}\n")
        assert load("named.yaml").neurons["n"].nonlinearity.name == "cube"

    def test_the_nearest_name(self) -> None:
        install("dendrites", "acme_own")
        Path("wrong.yaml").write_text(FILE.format(plugins="plugins: [dendrite]"))
        text = told(lambda: load("wrong.yaml"))
        assert "there is no plugin 'dendrite'\n  did you mean 'dendrites'? installed or named: dendrites\n" in text
        assert "did you mean 'dendrites'?" in told(lambda: load("wrong.yaml", plugins=["dendrite"]))

    def test_one_that_two_packages_have(self) -> None:
        install("mine", "one_own", package="one")
        install("mine", "two_own", package="two")
        problem = "the plugin 'mine' is not clear: it is in one (one_own) and two (two_own)"
        assert told(lambda: load("named.yaml")) == f"named.yaml:2:11: plugins[0]: {problem}\n  uninstall one of them"
        assert told(lambda: load("named.yaml", plugins=["mine"])).startswith(problem)

    def test_one_that_is_found_twice_is_one(self) -> None:
        install("mine", "acme_own")
        site = install("mine", "acme_own", folder="second")
        (site / "acme_own.py").write_text(CUBE)
        assert load("named.yaml").plugins == ("mine",)

    def test_a_file_of_its_name(self) -> None:
        install("mine", "acme_own")
        assert told(lambda: load("named.yaml", plugins=["./mine.py"])) == (
            "plugin ./mine.py: there is an installed plugin 'mine'\n"
            "  give the file another name, or name the installed plugin"
        )

    @pytest.mark.parametrize(
        ("value", "content", "message"),
        [
            ("acme_own", "", ""),
            (
                "acme_own",
                "1 / 0",
                "plugin 'mine' cannot be imported\n  acme_own.py:1: ZeroDivisionError: division by zero",
            ),
            ("acme_own", "def f(:", "plugin 'mine' cannot be imported\n  acme_own.py:1: SyntaxError: invalid syntax"),
            (
                "acme_own:go",
                "",
                "plugin 'mine' cannot be imported\n  AttributeError: module 'acme_own' has no attribute",
            ),
            ("acme_own:go", "go = 5", "plugin 'mine' cannot be imported\n  TypeError: 'int' object is not callable"),
            ("acme_own:go", "def go(): 1 / 0", "plugin 'mine' cannot be imported\n  acme_own.py:1: ZeroDivisionError"),
            ("acme_other", "", "plugin 'mine': there is no module 'acme_other'\n"),
            ("acme own", "", "the plugin 'mine' of acme (acme own) is declared wrongly\n  an entry point is written"),
            ("../acme_own", "", "the plugin 'mine' of acme (../acme_own) is declared wrongly\n"),
        ],
    )
    def test_faults_of_its_author(self, value: str, content: str, message: str) -> None:
        site = install("mine", value)
        (site / "acme_own.py").write_text(content)
        text = told(lambda: load("named.yaml"))
        if message:
            assert text.startswith(f"named.yaml:2:11: plugins[0]: {message}"), text
        else:  # it adds nothing: then the names are not known
            assert "unknown nonlinearity 'cube'" in text and "unknown field 'middle'" in text

    def test_names_of_other_groups_are_none(self) -> None:
        site = install("mine", "acme_own")
        (site / "acme-1.0.dist-info/entry_points.txt").write_text("[console_scripts]\nmine = acme_own:main\n")
        assert "there is no plugin 'mine'" in told(lambda: load("named.yaml"))

    @pytest.mark.slow
    def test_another_process_imports_it_anew(self) -> None:
        site = install("mine", "acme_own")
        (site / "acme_own.py").write_text(CUBE)
        found = load("named.yaml")
        Path("found.pickle").write_bytes(pickle.dumps(found))
        code = f"""
import pathlib, pickle, sys
sys.path.append({str(site)!r})
from dendrograph import compile
print(compile(pickle.loads(pathlib.Path('found.pickle').read_bytes()), (8, 8), 3).connectivity_hash)
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["imported", "acme_own", compile(found, (8, 8), 3).connectivity_hash]


class TestLikeBuiltIn:
    """Through the command line, into a run folder and out of it."""

    def test_check_and_show(self, capsys: Any) -> None:
        assert run("check", "named.yaml") == 2
        assert "there is no plugin 'mine'" in capsys.readouterr().err
        assert run("check", "named.yaml", "--plugin", "mine.py") == 0
        assert run("show", "unnamed.yaml", "--plugin", "mine.py", "--plan", "--inputs", "8x8") == 0
        shown = capsys.readouterr().out
        assert "exactly 6 synapses a compartment from image (middle)" in shown
        assert "cube strength=0.5 (trained, one a compartment)" in shown
        assert "glorot, cube strength=1" in shown

    def test_settings_reach_it(self, capsys: Any) -> None:
        settings = ["--set", "neurons.n.nonlinearity={name: cube, strength: 2}"]
        settings += ["--set", "neurons.n.dendrites.0.synapses.field=middle"]
        assert run("show", "dann-lrf", "--plugin", "mine.py", *(s.replace(".n.", ".pyramidal.") for s in settings)) == 0
        assert "cube strength=2" in capsys.readouterr().out
        wrong = "neurons.n.nonlinearity={name: cube, strength: 0, strenth: 1}"
        assert run("check", "named.yaml", "--plugin", "mine.py", "--set", wrong) == 2
        text = capsys.readouterr().err
        assert "expected a number greater than 0, found 0" in text
        assert "unknown key 'strenth'\n  did you mean 'strength'? parameters of cube: strength" in text
        assert run("check", "named.yaml", "--plugin", "mine.py", "--set", "neurons.n.nonlinearity=cub") == 2
        assert "unknown nonlinearity 'cub'\n  did you mean 'cube'? known: cube, dcaap" in capsys.readouterr().err

    @pytest.mark.slow
    def test_train_resume_and_evaluate(self, capsys: Any) -> None:
        train = ["train", "unnamed.yaml", "--plugin", "mine.py", "--out", "run", "--seed", "1"]
        assert run(*train, "--epochs", "1") == 0
        accuracy = capsys.readouterr().out.split("test accuracy")[1].split(",")[0]
        assert "plugins: [mine]" in Path("run/morphology.yaml").read_text()
        assert len(json.loads(Path("run/run.json").read_text())["graph"]["plugins"]["mine"]) == 64
        assert run("evaluate", "run") == 0, "named once in this process"
        assert f"test accuracy{accuracy}" in capsys.readouterr().out
        assert run(*train, "--epochs", "1", "--resume") == 0
        assert run("train", "run", "--resume", "--plugin", "mine.py") == 0
        assert run("show", "run", "--plugin", "./mine.py") == 0

    @pytest.mark.slow
    def test_a_run_needs_its_plugin(self, capsys: Any) -> None:
        assert run("train", "named.yaml", "--plugin", "mine.py", "--out", "run", "--epochs", "1") == 0
        done = [
            subprocess.run(
                [sys.executable, "-m", "dendrograph", "evaluate", "run", *option], capture_output=True, text=True
            )
            for option in ([], ["--plugin", "mine.py"])
        ]
        assert done[0].returncode == 2
        assert done[0].stderr.startswith("error: run/morphology.yaml:2:11: plugins[0]: there is no plugin 'mine'\n")
        assert done[1].returncode == 0, done[1].stderr
        assert "test accuracy" in done[1].stdout

    def test_a_run_holds_its_plugin_to_what_it_was(self) -> None:
        assert run("train", "named.yaml", "--plugin", "mine.py", "--out", "run", "--epochs", "1") == 0
        plugins.IMPORTED.clear()
        Path("mine.py").write_text(CUBE.replace("u**3", "u**5"))
        plugins.import_plugins(["mine.py"])
        with pytest.raises(RunError, match="the plugin 'mine' is not what it was when the run began: it was changed"):
            Run.open("run").graph()
        with pytest.raises(RunError, match="plugins: their source has changed since"):
            train_again()

    def test_every_kernel_computes_it(self) -> None:
        tree = load("named.yaml", plugins=["mine.py"])
        x = torch.rand(3, 8, 8, dtype=torch.float64)
        answers = [
            DendriticNetwork(compile(tree, (8, 8), 3), kernel).double()(x)
            for kernel in ("auto", "reference", "scatter", "dense")
        ]
        for answer in answers[1:]:
            torch.testing.assert_close(answers[0], answer, rtol=0, atol=1e-12)


def train_again() -> None:
    """Go on with the run of the morphology that is there."""
    from small import train_named

    train_named("named.yaml", out=Path("run"), resume=True, settings={"epochs": 1}, progress=False)

"""Workers of a sweep: processes that die or cannot start, clusters, and interrupted sweeps."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import small
from sweeps import SMALL, in_this_process, sweep_of

from dendrograph.base.errors import DendrographError
from dendrograph.cli.main import main
from dendrograph.experiments.sweep import workers
from dendrograph.experiments.sweep.display import Display
from dendrograph.experiments.sweep.run_sweep import SweepOptions, run_sweep, run_sweep_file
from dendrograph.experiments.sweep.runs import Outcome, SweepRun
from dendrograph.training.run import Run


def listening(process: psutil.Process) -> list[str]:
    """The addresses at which other processes could reach a process or its children: ports, and sockets with a name."""
    found = []
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            connections = one.net_connections(kind="all")
            found += [str(each.laddr) for each in connections if each.status == psutil.CONN_LISTEN]
            found += [str(each.laddr) for each in connections if each.family == socket.AF_UNIX and each.laddr]
            found += [str(each.laddr) for each in connections if each.type == socket.SOCK_DGRAM and each.laddr]
    return found


def test_while_a_sweep_runs_no_process_of_it_can_be_reached_by_anyone_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = psutil.Process()
    before, workers_seen, found = set(listening(here)), set(), set()

    def looked_at(display: Display, share: float) -> None:
        workers_seen.update(child.pid for child in here.children() if "spawn_main" in " ".join(child.cmdline()))
        found.update(set(listening(here)) - before)

    monkeypatch.setattr(Display, "at", looked_at)
    result = run_sweep(
        sweep_of(tmp_path, f"morphologies: vann\nseeds: 4\n{SMALL}"),
        tmp_path / "out",
        SweepOptions(processes=2, progress=False),
    )
    assert len(result.finished) == 4 and len(workers_seen) == 2
    assert not found
    assert not any(psutil.pid_exists(pid) for pid in workers_seen), "and none of them is left behind"


def test_what_listens_would_be_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert any(str(server.getsockname()[1]) in address for address in listening(psutil.Process()))


@pytest.fixture
def killed_at_start(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Has so many workers killed as soon as they are started; gives the numbers of all that are started."""

    def kill(number: int) -> list[int]:
        started: list[int] = []
        start = workers._Worker.start

        def begin(worker: workers._Worker) -> None:
            start(worker)
            started.append(worker.process.pid)
            if len(started) <= number:
                worker.process.kill()

        monkeypatch.setattr(workers._Worker, "start", begin)
        return started

    return kill


def test_a_worker_that_is_killed_while_it_starts_is_started_again(
    tmp_path: Path, killed_at_start: Callable[[int], list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    started = killed_at_start(3)
    result = run_sweep(sweep_of(tmp_path, f"morphologies: vann\n{SMALL}"), tmp_path / "out", SweepOptions(processes=1))
    assert len(result.finished) == 1 and not result.failures
    assert len(started) == 4 and capsys.readouterr().out.count("a worker was killed") == 3


def test_a_sweep_of_which_no_worker_can_start_says_how_to_go_on(
    tmp_path: Path, killed_at_start: Callable[[int], list[int]]
) -> None:
    started = killed_at_start(1000)
    sweep = sweep_of(tmp_path, f"morphologies: vann\nseeds: 2\n{SMALL}")
    with pytest.raises(DendrographError) as caught:
        run_sweep(sweep, tmp_path / "out", SweepOptions(processes=2, progress=False))
    assert str(caught.value).startswith(
        "no worker of the sweep can start: all were killed by signal 9: out of memory?\n"
        "  the same command continues where it stopped; give fewer `processes`"
    )
    assert len(started) == 2 * workers.MOST_STARTS
    assert not any(psutil.pid_exists(pid) for pid in started)


def test_a_worker_that_ends_by_itself_at_its_start_is_not_started_again(
    tmp_path: Path,
    killed_at_start: Callable[[int], list[int]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As those of a script do that begins a sweep whenever it is imported."""
    started = killed_at_start(0)
    monkeypatch.setattr(workers, "_serve", sys.exit)  # with the pipe as what it says, and status 1
    with pytest.raises(DendrographError, match=r"(?s)all ended with status 1\n.*if __name__ == '__main__'"):
        run_sweep(sweep_of(tmp_path, f"morphologies: vann\n{SMALL}"), tmp_path / "out", SweepOptions(processes=1))
    assert len(started) == 1
    assert "killed" not in capsys.readouterr().out


def test_a_sweep_of_a_script_that_is_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one on standard input: the workers could not read it."""
    script = types.ModuleType("__main__")
    script.__file__ = "<stdin>"
    monkeypatch.setitem(sys.modules, "__main__", script)
    with pytest.raises(DendrographError, match=r"<stdin> is not a file\n  save the script as a file"):
        run_sweep(
            sweep_of(tmp_path, f"morphologies: vann\n{SMALL}"),
            tmp_path / "out",
            SweepOptions(processes=1, progress=False),
        )


def test_a_job_that_takes_down_every_worker_is_given_up_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = sweep_of(tmp_path, f"morphologies: vann\nseeds: 2\n{SMALL}").runs

    class Worker:
        """In this process: dead whenever it is given the bad run."""

        starts, ready = 0, False

        def __init__(self) -> None:
            self.start()

        def start(self) -> None:
            self.pipe, other = multiprocessing.Pipe()
            other.close()  # there is always something to hear
            self.job: Any = ()

        def begin(self, job: tuple[SweepRun, ...], folder: Path) -> None:
            self.job = job

        def answer(self) -> list[Outcome]:
            job, self.job, self.ready = self.job, (), True
            if bad in job:
                raise EOFError
            return [Outcome(run.name, 1.0) for run in job]

        def end(self) -> None:
            pass

        def join(self) -> int:
            return -9

    monkeypatch.setattr(workers, "_Worker", Worker)
    lost: list[int] = []
    with workers.local(1) as engine:
        told = [outcome for found in engine.outcomes([(bad,), (good,)], tmp_path, lost.append) for outcome in found]
    assert [(outcome.run, outcome.error) for outcome in told] == [
        (bad.name, "RuntimeError: its worker was killed several times: out of memory?"),
        (good.name, ""),
    ]
    assert sum(lost) == workers.MOST_TRIES


def test_a_sweep_runs_on_a_cluster_that_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from distributed import LocalCluster

    sweep = sweep_of(tmp_path, f"morphologies: dann-lrf\nseeds: 2\n{SMALL}")
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", memory_limit=0) as cluster:
        result = run_sweep(sweep, tmp_path / "out", SweepOptions(scheduler=cluster.scheduler_address))
    assert len(result.finished) == 2 and not result.failures
    assert "no TLS: anyone who can connect to the cluster can run code as its user" in capsys.readouterr().out


@pytest.mark.usefixtures("registries")
def test_a_cluster_may_stand_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data and plugins are named from where the sweep is begun, its workers have another folder."""
    from distributed import Client, LocalCluster

    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "mine").mkdir()
    digits = small.digits(200)
    x, y = (digits.train.inputs["image"] * 16).byte().numpy(), digits.train.labels.numpy()
    np.savez(tmp_path / "mine" / "data.npz", x_train=x, y_train=y, x_test=x[:50], y_test=y[:50])
    (tmp_path / "mine" / "plugin.py").write_text("VALUE = 1\n")
    (tmp_path / "mine" / "sweep.yaml").write_text(f"morphologies: dann-lrf\ndata: data.npz\n{SMALL}")
    monkeypatch.chdir(tmp_path)
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", memory_limit=0) as cluster,
        Client(cluster) as client,
    ):
        client.run(os.chdir, str(tmp_path / "elsewhere"))
        result = run_sweep_file(
            Path("mine/sweep.yaml"),
            "out",
            plugins=["mine/plugin.py"],
            options=SweepOptions(scheduler=cluster.scheduler_address, progress=False),
        )
    assert len(result.finished) == 1 and not result.failures


def test_a_scheduler_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dendrograph.experiments.sweep.workers.SECONDS_TO_CONNECT", 1)
    sweep = sweep_of(tmp_path, f"morphologies: dann-lrf\n{SMALL}")
    with pytest.raises(DendrographError, match="no dask scheduler answers"):
        run_sweep(sweep, tmp_path / "out", SweepOptions(scheduler="tcp://127.0.0.1:9", progress=False))
    assert not (tmp_path / "out").exists()
    with pytest.raises(DendrographError, match="leave one out"):
        run_sweep(sweep, tmp_path / "out", SweepOptions(processes=2, scheduler="tcp://127.0.0.1:9", progress=False))


def test_only_a_cluster_needs_dask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("dask", "distributed"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(workers, "local", in_this_process)
    sweep = sweep_of(tmp_path, f"morphologies: vann\n{SMALL}")
    assert len(run_sweep(sweep, tmp_path / "out", SweepOptions(progress=False)).finished) == 1
    with pytest.raises(DendrographError, match=r"(?s)dask.distributed, which is not installed\n.*dendrograph\[sweep\]"):
        run_sweep(sweep, tmp_path / "other", SweepOptions(scheduler="tcp://127.0.0.1:9", progress=False))
    assert not (tmp_path / "other").exists()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts the sweep of k.yaml into k; however the test ends, nothing of it goes on."""
    # Whatever started the tests may have it ignore Ctrl-C, and its children inherit that.
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program += "from dendrograph.cli.main import main; main()"
    command = [sys.executable, "-c", program, "sweep", str(tmp_path / "k.yaml"), "--out", str(tmp_path / "k")]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        started.append(subprocess.Popen([*command, "--workers", "2"], start_new_session=True, **pipes))
        return started[-1]

    yield begin
    for process in started:
        with process, suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _until(condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_sweep_outlives_a_killed_worker_and_its_own_death(
    tmp_path: Path, start: Callable[[], subprocess.Popen[str]]
) -> None:
    (tmp_path / "k.yaml").write_text(
        "name: k\nmorphologies: dann-lrf\nset: {dendrites: [2, 3], somata: 4}\nseeds: 12\ntrain: {epochs: 3}\n"
    )
    out = tmp_path / "k"

    def ended() -> int:
        return len(list(out.glob("runs/*/metrics.json")))

    first = start()
    _until(lambda: ended() >= 3, first)
    workers = [child for child in psutil.Process(first.pid).children() if "spawn_main" in " ".join(child.cmdline())]
    assert len(workers) == 2
    os.kill(workers[0].pid, signal.SIGKILL)
    _until(lambda: ended() >= 6, first)
    first.kill()
    first.communicate()
    stopped = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/metrics.json")}
    assert 6 <= len(stopped) < 24
    second = start()
    told, errors = second.communicate(timeout=300)
    assert second.returncode == 0, errors
    assert "24 runs are finished" in told
    assert ended() == 24 and len({Run.open(path).identity for path in (out / "runs").iterdir()}) == 24
    assert all(path.stat().st_mtime_ns == then for path, then in stopped.items()), "nothing is trained twice"


@pytest.mark.slow
def test_the_stop_of_a_batch_system_is_answered_as_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("it was not answered")

    monkeypatch.setattr("dendrograph.experiments.sweep.cost_estimate.seconds", stopped)
    (tmp_path / "sweep.yaml").write_text(f"morphologies: vann\n{SMALL}")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        main(["sweep", str(tmp_path / "sweep.yaml"), "--out", str(tmp_path / "out")])
    assert ended.value.code == 130 and "the same command continues where it stopped" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_interrupted_sweep_says_how_to_go_on(tmp_path: Path, start: Callable[[], subprocess.Popen[str]]) -> None:
    (tmp_path / "k.yaml").write_text(
        "name: k\nmorphologies: dann-lrf\nset: {dendrites: 2, somata: 4}\nseeds: 40\ntrain: {epochs: 3}\n"
    )
    process = start()
    _until(lambda: bool(list((tmp_path / "k").glob("runs/*/metrics.json"))), process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    told, errors = process.communicate(timeout=120)
    assert process.returncode == 130, (told, errors)
    assert "interrupted" in errors and "the same command continues" in errors
    assert "Traceback" not in errors and "leaked" not in errors

"""How a run learned, and how much better it does on what it learned from: tables of its epochs and of its end."""

from __future__ import annotations

from dendrograph.base.errors import RunError
from dendrograph.base.tables import Row
from dendrograph.data.dataset import Dataset, Split
from dendrograph.network.network import DendriticNetwork
from dendrograph.training.config import TrainConfig
from dendrograph.training.evaluation import evaluate
from dendrograph.training.run import History, Run
from dendrograph.training.splits import Splits


def tables(run: Run, network: DendriticNetwork, dataset: Dataset) -> dict[str, tuple[Row, ...]]:
    """The tables `learning`, a row an epoch, and `results`, one row.

    A gap is positive where the network does better on what it learned from, or was chosen by: accuracy there less
    accuracy here, loss here less loss there. In `learning` training figures are the means over the steps of the epoch,
    as history.csv holds them; in `results` the final weights are evaluated on the training samples once more.

    Args:
        run: a run that has ended.
        network: with its final weights.
        dataset: what it was trained on.

    Raises:
        RunError: its history is missing.
        DataError: its training split cannot be made again.
    """
    rows = history(run)
    epochs: list[Row] = [
        {
            **row,
            "accuracy_gap": row["train_accuracy"] - row["validation_accuracy"],
            "loss_gap": row["validation_loss"] - row["train_loss"],
        }
        for row in rows
    ]
    train = evaluate(network, training_split(run, dataset), dataset.scale)
    test, validation = run.metrics["test"], run.metrics["validation"]
    results = {
        "epochs": len(rows),
        "best_epoch": min(rows, key=lambda row: row["validation_loss"])["epoch"],
        "weights_of_epoch": run.metrics["weights_of_epoch"],
        "train_loss": train.loss,
        "train_accuracy": train.accuracy,
        "validation_loss": validation["loss"],
        "validation_accuracy": validation["accuracy"],
        "test_loss": test["loss"],
        "test_accuracy": test["accuracy"],
        "accuracy_gap": train.accuracy - test["accuracy"],
        "loss_gap": test["loss"] - train.loss,
        "validation_accuracy_gap": validation["accuracy"] - test["accuracy"],
        "validation_loss_gap": test["loss"] - validation["loss"],
    }
    return {"learning": tuple(epochs), "results": (results,)}


def history(run: Run) -> History:
    """The rows of a run's history.

    Raises:
        RunError: there is none.
    """
    if not run.history:
        raise RunError(f"{run.folder / 'history.csv'}: missing or empty\n  put it back from a copy of the run")
    return run.history


def training_split(run: Run, dataset: Dataset) -> Split:
    """The samples that a run learned from, noise included, as the run saw them."""
    splits = Splits.of(dataset, TrainConfig.from_record(run.record["config"], run.folder / "run.json"))
    return splits.samples.take(splits.rows)

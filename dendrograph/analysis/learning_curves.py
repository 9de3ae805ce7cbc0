"""Learning curves and generalisation gaps of a run: tables of its epochs and of its results."""

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
    """Return the tables `learning`, a row per epoch, and `results`, one row.

    A gap is positive where the network performs better on the samples of training or model selection: their accuracy
    minus the accuracy on other samples, or the loss on other samples minus their loss. In `learning`, training values
    are means over the steps of the epoch, as in history.csv; in `results`, the final weights are evaluated again on the
    training samples.

    Args:
        run: A finished run.
        network: The network with the final weights.
        dataset: The data of the training.

    Raises:
        RunError: The history is missing.
        DataError: The training split cannot be made again.
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
    """Return the rows of a run's history.

    Raises:
        RunError: The history is missing.
    """
    if not run.history:
        raise RunError(f"{run.folder / 'history.csv'}: missing or empty\n  put it back from a copy of the run")
    return run.history


def training_split(run: Run, dataset: Dataset) -> Split:
    """Return the training samples of a run, with the noise of the training."""
    splits = Splits.of(dataset, TrainConfig.from_record(run.record["config"], run.folder / "run.json"))
    return splits.samples.take(splits.rows)

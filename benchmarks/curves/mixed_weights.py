"""What it brings to answer with other weights than the last ones: mixed with those that training began with, or averaged over its steps.

    python benchmarks/curves/mixed_weights.py study.yaml other.yaml --out FOLDER --model tagger:warm --sizes 10,25 --split-seed 7

The study files say task, data and split. A share (`0.5`, ...) is how much of the trained weights there is, the rest is of the weights that
training began with (WiSE-FT, Wortsman et al. 2022); `average` is the mean of the weights after every step of the second half
(Izmailov et al. 2018), `average*0.7` that mean, mixed in the same way. Every file is trained once, as it is (`1`), in OUT/NAME--1, which
keeps the averages, too; the other ways answer the same test rows with weights made of those, in OUT/NAME--WAY. The same command goes on
where it was stopped, unless it was in the middle of a training, and prints the table of what is there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import yaml
from recipes import difference_in_words, results_there, score_of, sizes_given
from safetensors.torch import load_file, save_file

from tunecurve.curve.intervals import difference_of, mean_of_seeds
from tunecurve.learners.base import TrainingJob, TrainingProgress, Tuned
from tunecurve.learners.encoder import learner as encoder_learner
from tunecurve.learners.encoder.head import Head
from tunecurve.learners.encoder.learner import HEAD_FILE, TUNED_FOLDER, WEIGHTS_FILE, EncoderLearner
from tunecurve.learners.torch.loop import Training
from tunecurve.results.model import Results
from tunecurve.results.scoring_again import metrics_of
from tunecurve.run import run_study
from tunecurve.study.trial_folder import TrialFolder

# The first one is what the others are compared with.
WAYS = ("1", "0.85", "0.7", "0.5", "average")
METRICS = ("leak_documents", "label_accuracy", "over_masking")
AVERAGE_FILE = "average.safetensors"

Weights = dict[str, torch.Tensor]


@dataclass
class Average:
    """The mean of a training's weights after every step of its second half."""

    sums: Weights = field(default_factory=dict)
    n_steps: int = 0
    n_wanted: int = 0
    pieces: list[int] = field(default_factory=list)
    """Those whose vectors are trained, in their order."""

    def add(self, training: Training) -> None:
        """Add the weights after a step, where it is one of the second half."""
        step, last = training.state.step, len(training.steps)
        if step == 1:
            self.sums, self.n_steps, self.n_wanted = {}, 0, last - last // 2
        if step <= last // 2:
            return
        self.n_steps += 1
        for name, parameter in training.parameters.items():
            if name in self.sums:
                self.sums[name] += parameter.detach()
            else:
                self.sums[name] = parameter.detach().clone()

    def whole(self, trained: Mapping[str, torch.Tensor]) -> Weights:
        """Return the averaged weights, with what was not trained as it is in the trained model."""
        if not self.n_wanted or self.n_steps != self.n_wanted:
            raise SystemExit(
                "mixed_weights.py: the training was interrupted in between; delete its trial and run again"
            )
        found = {name: tensor.clone() for name, tensor in trained.items()}
        for name, total in self.sums.items():
            mean = total / self.n_steps
            if mean.shape == found[name].shape:
                found[name] = mean
            else:
                found[name][torch.tensor(self.pieces)] = mean
        return found


@contextmanager
def averages_kept() -> Iterator[None]:
    """Let every training inside this context keep the average of its weights beside the model; it changes nothing of it."""
    average = Average()
    step, narrowed, save = Training.take_step, encoder_learner.only_vectors_of, EncoderLearner._save

    def take_step(self: Training, loss: float) -> None:
        step(self, loss)
        average.add(self)

    def only_vectors_of(backbone: Any, pieces: Collection[int]) -> AbstractContextManager[None]:
        padding = backbone.get_input_embeddings().padding_idx
        average.pieces = sorted({*pieces} | ({padding} - {None}))
        return narrowed(backbone, pieces)

    def save_with_average(self: EncoderLearner, model: torch.nn.Module, head: Head, folder: Path) -> None:
        save(self, model, head, folder)
        trained = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        save_file(average.whole(trained), folder.parent / AVERAGE_FILE)

    with (
        patch.object(Training, "take_step", take_step),
        patch.object(encoder_learner, "only_vectors_of", only_vectors_of),
        patch.object(EncoderLearner, "_save", save_with_average),
    ):
        yield


def mixed(start: Mapping[str, torch.Tensor], end: Mapping[str, torch.Tensor], share: float) -> Weights:
    """Return so much of the weights at the end, and the rest of those at the start; what is no weight is as at the end."""
    return {
        name: torch.lerp(start[name], tensor, share) if tensor.is_floating_point() else tensor
        for name, tensor in end.items()
    }


def weights_of(way: str, start: Mapping[str, torch.Tensor], trained: Path) -> Weights:
    """Return the weights of a way, from those that training began with and the folder of the trial that trained."""
    name, _, share = way.partition("*") if way.startswith("average") else ("", "", way)
    end = load_file(trained / AVERAGE_FILE if name else trained / TUNED_FOLDER / WEIGHTS_FILE)
    return mixed(start, end, float(share)) if share else end


@contextmanager
def way_called(way: str, trained: Path) -> Iterator[None]:
    """Let encoders be made in a way inside this context, of trainings in a run folder; a trial's folder says so, not its identity."""
    if way == WAYS[0]:
        with averages_kept():
            yield
        return

    def fine_tune(self: EncoderLearner, job: TrainingJob, on_step: Callable[[TrainingProgress], None]) -> Tuned:
        folder = TrialFolder(trained / "trials" / job.folder.name)
        record = folder.training()
        if record.kept_aside:
            raise SystemExit("mixed_weights.py: expected trainings that keep no rows aside")
        head = Head.load(folder.path / TUNED_FOLDER / HEAD_FILE)
        model = self.initial_model(job.examples, head, job.seed)
        model.load_state_dict(weights_of(way, model.state_dict(), folder.path))
        self._save(model, head, job.folder / TUNED_FOLDER)
        return Tuned(self.load_tuned(job.folder), record)

    with patch.object(EncoderLearner, "fine_tune", fine_tune):
        yield


def study_with(path: Path, way: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return a study file's content for the model and one way."""
    values: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    own = {
        "name": f"{values['name']}--{way}",
        "models": [options.model],
        "shots": [],
        "train_sizes": options.sizes,
        "seeds": 1,
        "training_score_rows": 0,
    }
    return values | own | {"split": values.get("split", {}) | {"seed": options.split_seed}}


def rows_of_table(name: str, found: Mapping[str, Results], sizes: Sequence[int]) -> Iterator[str]:
    """Yield a study's lines: the scores of the weights as they are, and what other ways add to them, paired over groups of test rows."""
    before = found[WAYS[0]]
    known = {name for point in before.points for name in point.scores}
    metrics = metrics_of(before, [before.primary_metric, *(name for name in METRICS if name in known)])
    for size in sizes:
        ours = [trial for trial in before.finished if trial.train_size == size]
        if not ours:
            continue
        scores = [f"{mean_of_seeds([score_of(before, t, m) for t in ours]).estimate:.1f}" for m in metrics.values()]
        yield f"| {name} | {size} | as it is | {' | '.join(scores)} |"
        for way, now in list(found.items())[1:]:
            theirs = [trial for trial in now.finished if trial.train_size == size]
            pairs = list(zip(ours, theirs, strict=False))
            cells = [
                difference_in_words(
                    mean_of_seeds([difference_of(score_of(now, b, m), score_of(before, a, m)) for a, b in pairs]),
                    before,
                    metric,
                )
                for metric, m in metrics.items()
                if pairs
            ]
            if cells:
                yield f"| | | {way} | {' | '.join(cells)} |"


def table(names: Sequence[str], ways: Sequence[str], sizes: Sequence[int], out: Path) -> Iterator[str]:
    """Yield the lines of a Markdown table of what is there."""
    yield "| study | rows | weights | headline metric | leak, points | label accuracy, points | public text masked, points |"
    yield "|" + "---|" * 7
    for name in names:
        found = results_there(out, name, ways)
        if WAYS[0] in found:
            yield from rows_of_table(name, found, sizes)


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", type=Path, nargs="+", help="study files: their name, task, data and split count")
    parser.add_argument("--out", type=Path, required=True, help="folder for the run folders")
    parser.add_argument("--model", default="tagger:warm")
    parser.add_argument("--sizes", type=sizes_given, default="10,25")
    parser.add_argument(
        "--split-seed", type=int, default=42, help="other test rows than the documented ones to choose on"
    )
    parser.add_argument("--ways", default=",".join(WAYS), help="the first one is what the others are made of")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table-only", action="store_true", help="measure nothing")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing, and print the table."""
    options = parse_options(arguments)
    ways = list(dict.fromkeys([WAYS[0], *options.ways.split(",")]))
    names = [study_with(path, WAYS[0], options)["name"].removesuffix(f"--{WAYS[0]}") for path in options.studies]
    for path, name in [] if options.table_only else zip(options.studies, names, strict=True):
        for way in ways:
            values = study_with(path, way, options)
            with way_called(way, options.out / f"{name}--{WAYS[0]}"):
                done = run_study(values, out=options.out / values["name"], device="cpu", threads=options.threads)
            print(f"{values['name']}: {len(done.outcome.failures)} failed", file=sys.stderr, flush=True)
    print("\n".join(table(names, ways, options.sizes, options.out)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

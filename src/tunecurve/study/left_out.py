"""What was asked of a study and is not planned, because a learner cannot do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunecurve.findings import Finding
from tunecurve.learners.base import Learner
from tunecurve.spec.study import StudySpec
from tunecurve.study.plan import can_be_optimized


def left_out(spec: StudySpec, learners: Mapping[str, Learner]) -> list[Finding]:
    """Return what of a study its learners cannot do, and is not planned: sizes, similar examples, instructions, prompts."""
    found = []
    for name, learner in learners.items():
        fewest = learner.fewest_training_rows
        too_small = [size for size in spec.train_sizes if size < fewest]
        if too_small and learner.can_fine_tune:
            sizes = _sizes_are(too_small)
            all_of_them = len(too_small) == len(spec.train_sizes)
            who = "it takes" if learner.trains_here else "fine-tuning jobs there take"
            text = f"'{name}': {sizes} left out: {who} {fewest} rows at least"
            text += "; it is prompted only" if all_of_them and learner.takes_prompts else ""
            found.append(Finding("size-left-out", text, f"ask for {fewest} or more with --train-sizes"))
        most = learner.most_training_rows
        too_large = [] if most is None else [size for size in spec.train_sizes if size > most]
        if too_large:
            sizes = _sizes_are(too_large)
            if learner.has_teacher:
                text = (
                    f"'{name}': {sizes} left out: there are inputs for its teacher beside {most} labelled rows at most"
                )
                found.append(Finding("size-left-out", text, "give more of them with --unlabelled"))
            else:
                text = f"'{name}': {sizes} left out: it takes {most} rows at most"
                found.append(Finding("size-left-out", text, f"ask for {most} or fewer with --train-sizes"))
    return [
        *found,
        *_pools_left_out(spec, learners),
        *_without_proposer(spec, learners),
        *_without_prompts(spec, learners),
    ]


def _sizes_are(sizes: Sequence[int]) -> str:
    return f"size {sizes[0]} is" if len(sizes) == 1 else f"sizes {', '.join(map(str, sizes))} are"


def _without_prompts(spec: StudySpec, learners: Mapping[str, Learner]) -> list[Finding]:
    """Return what was asked of prompts where no model takes any; the usual shots, which nobody asked for, need no word."""
    if any(learner.takes_prompts and learner.is_asked_untrained for learner in learners.values()):
        return []
    asked = ["similar examples"] * bool(spec.similar_shots) + ["a search for an instruction"] * bool(
        spec.optimized_sizes
    )
    if not asked:
        return []
    text = f"{' and '.join(asked)} {'are' if len(asked) > 1 or spec.similar_shots else 'is'} asked for, but no model here takes prompts"
    return [Finding("no-prompts", text, "name one with --model, e.g. smollm2-135m-instruct")]


def _without_proposer(spec: StudySpec, learners: Mapping[str, Learner]) -> list[Finding]:
    """Return for which models no instruction is looked for, because they can write none."""
    names = [name for name, learner in learners.items() if learner.takes_prompts and not can_be_optimized(name, spec)]
    if not names or not spec.optimized_sizes:
        return []
    text = f"no instruction is looked for with {', '.join(names)}: what is constrained cannot propose one"
    return [Finding("not-optimized", text, "name a model that proposes with --proposer")]


def _pools_left_out(spec: StudySpec, learners: Mapping[str, Learner]) -> list[Finding]:
    """Return which training sizes are fewer rows than the examples that are to be chosen among them."""
    if not any(learner.takes_prompts for learner in learners.values()):
        return []
    found = []
    for similar in spec.similar_shots:
        too_small = [size for size in similar.sizes(spec.train_sizes) if size < similar.count]
        if too_small:
            sizes = ", ".join(map(str, too_small))
            text = f"{similar.count} {similar.choose} examples cannot be chosen among {sizes} labelled rows: left out"
            where = "with --train-sizes" if similar.of is None else "in its key of"
            found.append(Finding("size-left-out", text, f"ask for {similar.count} or more {where}"))
    return found

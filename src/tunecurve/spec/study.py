"""The study file: what is measured, on what, how. Unknown keys are errors with a suggestion.

Defaults are written here once, with their reasons. A study has a signature: a hash of everything that makes its
trials comparable (data, split, prompt, answers, bootstrap); sizes, seeds, models and recipes may grow under the same
signature, because each trial has a hash of its own.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator, model_validator

from tunecurve.data.inputs import DEFAULT_COLUMN, columns_in_template, names_input
from tunecurve.errors import SpecError, did_you_mean
from tunecurve.own_code import is_reference
from tunecurve.spec.advice import AdviceSpec as AdviceSpec
from tunecurve.spec.bootstrap import BootstrapSpec
from tunecurve.spec.data import DEFAULT_TEST_SIZE, DataSpec, SplitSpec, has_rows_of_its_own
from tunecurve.spec.durations import Duration
from tunecurve.spec.gliner import GlinerSpec
from tunecurve.spec.hosted import HostedSpec
from tunecurve.spec.metric_options import MetricOptions
from tunecurve.spec.optimize import FEWEST_ROWS, OptimizeSpec
from tunecurve.spec.presidio import PresidioSpec
from tunecurve.spec.prompt import AnswerSpec, PromptSpec
from tunecurve.spec.section import PositiveInt, Section
from tunecurve.spec.shots import Shots, SimilarShots, in_order, plain_shots
from tunecurve.spec.training import EncoderSpec, RecipeSpec
from tunecurve.tasks.base import Task
from tunecurve.tasks.lookup import AUTO_TASK, all_tasks, task_of, use_task

# What a study is whose rows nobody has looked at yet, and that of builtin:pii.
UNSETTLED_TASK = "masking"
# Before a local model's name: its answers can be nothing but the input with stretches replaced by labels.
CONSTRAINED = "constrained:"
TrackerName = Literal["mlflow", "trackio", "wandb"]
TRACKERS: tuple[TrackerName, ...] = get_args(TrackerName)


class StudySpec(Section):
    """One study."""

    name: str = Field("pii", description="name of the study; the run folder is runs/<name>")
    task: str = Field(
        AUTO_TASK,
        description="what a target is; auto: found from the rows, masking for builtin:pii; "
        + "; ".join(f"{task.name}: {task.description}" for task in all_tasks())
        + "; or a task of your own, package.module:name (with --allow-code)",
    )
    data: DataSpec = Field(default_factory=DataSpec)
    split: SplitSpec = Field(default_factory=SplitSpec)
    prompt: PromptSpec = Field(default_factory=PromptSpec)
    models: list[str] = Field(
        default_factory=lambda: list(task_of("masking").models),
        min_length=1,
        description="built-in name, hub id, folder or .gguf file; provider/model, e.g. google/gemini-3.5-flash; tagger, classifier, "
        "setfit (an encoder may follow: tagger:all-mpnet-base-v2, tagger:multilingual-e5-small-4bit, or a hub id or folder), "
        "tagger:warm (trained on builtin:pii before), tfidf, presidio, gliner:FOLDER (a GLiNER model of this machine); constrained: "
        "before a local language model: its answers can be nothing but maskings, or JSON of the shape of the training rows; "
        "tagger+4x:NAME: also tuned on four rows a labelled row that the model NAME has answered; a learner of your own: "
        "package.module:name (with --allow-code); default: the task's own",
    )
    shots: list[Shots] = Field(
        [0, 3],  # the article's
        description="numbers of examples in the prompt, drawn at random; or similar:8, as keys {count: 8, choose: similar}: for every "
        "row the 8 most similar of the training rows of each of train_sizes; similar-by-label:8: of every label the most similar one",
    )
    similar_by: Literal["auto", "encoder", "tfidf"] = Field(
        "auto",
        description="how similar examples are found; encoder: by the vectors of the built-in encoder; tfidf: by words and stretches "
        "of letters, without torch; auto: by the encoder where torch is installed",
    )
    optimize: OptimizeSpec = Field(default_factory=OptimizeSpec)
    train_sizes: list[PositiveInt] = Field([50, 200, 800, 3200, 6400], description="training rows to fine-tune on")
    seeds: PositiveInt = Field(
        1,
        le=1000,
        description="repeats of every few-shot and fine-tuned trial on other draws of rows, 1000 at most",
    )
    time_budget: Duration | None = Field(
        None,
        description="most time that is planned for, by the estimate for this machine, e.g. 30m, 2h or 1h30m: of sizes, seeds and shots "
        "those are taken that tell most about the verdict, and what is left out is said",
    )
    sampling: Literal["random", "stratified"] = Field(
        "random", description="how training rows are drawn; stratified: small sizes hold all labels evenly"
    )
    recipe: RecipeSpec = Field(default_factory=RecipeSpec)
    train_together: bool | Literal["auto"] = Field(
        False,
        description="compute a local language model's trainings as one, for GPUs that one leaves idle; auto: where their memory suffices",
    )
    four_bit_weights: bool | Literal["auto"] = Field(
        "auto",
        description="keep a local language model's frozen weights in 4 bits (NF4, extra 4bit), tuned and answered with; auto: on an NVIDIA "
        "GPU whose memory holds no training otherwise",
    )
    encoder: EncoderSpec = Field(default_factory=EncoderSpec)
    presidio: PresidioSpec = Field(default_factory=PresidioSpec)
    gliner: GlinerSpec = Field(default_factory=GlinerSpec)
    # Beside the test score it tells a model that was trained too little from one that saw too few rows.
    training_score_rows: Annotated[int, Field(ge=0)] = Field(
        32, description="training rows that a tuned model on this machine is scored on, too; 0: none"
    )
    answers: AnswerSpec = Field(default_factory=AnswerSpec)
    metrics: list[str] | None = Field(
        None,
        description="metrics, the first is the headline metric; default: the task's; one of your own: package.module:name (--allow-code)",
    )
    metric_options: MetricOptions = Field(default_factory=MetricOptions)
    bootstrap: BootstrapSpec = Field(default_factory=BootstrapSpec)
    advice: AdviceSpec = Field(default_factory=AdviceSpec)
    hosted: HostedSpec = Field(default_factory=HostedSpec)
    track: TrackerName | None = Field(
        None,
        description="experiment tracker that is told of every trial; without its own settings, such as MLFLOW_TRACKING_URI, all stays "
        "in the run folder",
    )
    show_texts: bool = Field(True, description="show the worst answers, with row texts, in the report")

    @model_validator(mode="before")
    @classmethod
    def _models_of_the_task(cls, values: Any) -> Any:
        """Fill in the task's own models; a task object stands under its name from here on."""
        if not isinstance(values, dict):
            return values
        task = values.get("task", AUTO_TASK)
        if task == AUTO_TASK:
            return values if has_rows_of_its_own(values) else {**values, "task": UNSETTLED_TASK}
        values = {**values, "task": use_task(task) if isinstance(task, Task) else task}
        with suppress(SpecError):  # said of the field itself
            task = task_of(str(values["task"]))
            values.setdefault("models", list(task.models))
            if task.max_extra_tokens is not None and isinstance(values.get("answers", {}), dict):
                values["answers"] = {"max_extra_tokens": task.max_extra_tokens, **values.get("answers", {})}
        return values

    @field_validator("task")
    @classmethod
    def _known_task(cls, value: str) -> str:
        try:
            task_of(UNSETTLED_TASK if value == AUTO_TASK else value)
        except SpecError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("name")
    @classmethod
    def _name_is_plain(cls, value: str) -> str:
        if not value or not all(character.isalnum() or character in "-_." for character in value) or value[0] == ".":
            raise ValueError("expected letters, digits, '-', '_' and '.', not starting with '.'")
        return value

    @field_validator("train_sizes")
    @classmethod
    def _sorted_and_unique(cls, value: list[int]) -> list[int]:
        return sorted(set(value))

    @field_validator("shots", mode="before")
    @classmethod
    def _random_shots_are_numbers(cls, value: Any) -> Any:
        return plain_shots(value)

    @field_validator("shots")
    @classmethod
    def _shots_in_order(cls, value: list[int | SimilarShots]) -> list[int | SimilarShots]:
        return in_order(value)

    @field_validator("models")
    @classmethod
    def _constraints_need_labels(cls, value: list[str], info: ValidationInfo) -> list[str]:
        for name in value:
            bare_name = name.removeprefix(CONSTRAINED)
            if not bare_name:
                raise ValueError(f"expected a model's name, e.g. '{name}smollm2-135m-instruct'")
            task = info.data.get("task", AUTO_TASK)
            if bare_name != name and task != AUTO_TASK and task_of(task).answer not in ("mask", "object"):
                raise ValueError(
                    f"'{name}' can write nothing but maskings and JSON objects, expected task: masking or extraction; use '{bare_name}'"
                )
        return value

    @field_validator("metrics", mode="before")
    @classmethod
    def _names_of_metrics(cls, value: Any) -> Any:
        """Put metric objects under their names, which are those of code."""
        if not isinstance(value, list | tuple) or all(isinstance(one, str) for one in value):
            return value
        from tunecurve.metrics.own import use_metric

        try:
            return [one if isinstance(one, str) else use_metric(one) for one in value]
        except SpecError as error:
            raise ValueError(str(error)) from None

    @field_validator("metrics")
    @classmethod
    def _known_metrics(cls, value: list[str] | None) -> list[str] | None:
        from tunecurve.metrics.catalogue import METRIC_NAMES  # metrics compute: options and their help need none

        for name in value or []:
            if name not in METRIC_NAMES and not is_reference(name):
                raise ValueError(
                    f"unknown metric '{name}'.{did_you_mean(name, METRIC_NAMES)} Known: {', '.join(METRIC_NAMES)}"
                )
        return value

    @model_validator(mode="after")
    def _several_target_columns_are_labels(self) -> StudySpec:
        n_columns = len(self.data.target_columns)
        if n_columns > 1 and self.task != AUTO_TASK and self.kind.answer != "labels":
            raise ValueError(
                f"data.target_column names {n_columns} columns, as sets of labels have: expected task: multilabel"
            )
        return self

    @model_validator(mode="after")
    def _input_columns_are_used(self) -> StudySpec:
        template, columns = self.prompt.column_template, self.data.input_columns
        if template and not names_input(template) and columns != (DEFAULT_COLUMN,) and self.data.has_plain_columns:
            unused = [column for column in columns if column not in columns_in_template(template)]
            if unused:
                raise ValueError(
                    f"prompt.template names columns, but neither {{input}} nor the input column '{unused[0]}'"
                )
        return self

    @model_validator(mode="after")
    def _trained_together_is_not_watched(self) -> StudySpec:
        asks = self.recipe.development_share is not None or self.recipe.learning_rate == "auto"
        if self.train_together is True and asks:
            raise ValueError(
                "recipe.development_share and recipe.learning_rate: auto look at every training by itself; expected "
                "train_together: false"
            )
        return self

    @model_validator(mode="after")
    def _something_to_do(self) -> StudySpec:
        if not self.shots and not self.train_sizes and self.optimize.calls is None:
            raise ValueError("nothing to measure: both shots and train_sizes are empty")
        if not all(similar.sizes(self.train_sizes) for similar in self.similar_shots):
            raise ValueError(
                "shots asks for similar examples, but train_sizes is empty: they are chosen among the training rows of each size; "
                "expected e.g. train_sizes: [50, 200, 800], or without training {count: 8, choose: similar, of: [50, 200, 800]}"
            )
        return self

    @model_validator(mode="after")
    def _instructions_can_be_looked_for(self) -> StudySpec:
        if self.optimize.calls is None:
            return self
        sizes = self.optimized_sizes
        if not sizes or sizes[0] < FEWEST_ROWS:
            found = f"{sizes[0]} labelled rows" if sizes else "no labelled rows (train_sizes is empty)"
            raise ValueError(
                f"optimize looks for an instruction on {found}, expected {FEWEST_ROWS} or more; set e.g. optimize.sizes: [50]"
            )
        if self.hosted.batch:
            raise ValueError(
                "optimize asks again and again, and a batch takes hours each time; expected hosted.batch: false"
            )
        return self

    @property
    def optimized_sizes(self) -> list[int]:
        """Numbers of labelled rows on which a better instruction is looked for."""
        return self.optimize.sizes_of(self.train_sizes)

    @property
    def asked_models(self) -> list[str]:
        """All models that are asked for something: those that are measured, and who proposes instructions."""
        proposer = self.optimize.proposer if self.optimize.calls is not None else None
        return list(dict.fromkeys([*self.models, *([proposer] if proposer else [])]))

    @property
    def random_shots(self) -> list[int]:
        """Numbers of examples that are drawn at random, the same ones for all rows."""
        return [shots for shots in self.shots if isinstance(shots, int)]

    @property
    def similar_shots(self) -> list[SimilarShots]:
        """Examples that are chosen for every row."""
        return [shots for shots in self.shots if not isinstance(shots, int)]

    @property
    def kind(self) -> Task:
        """What the kind of task brings along; of a study that is not settled yet, what it is without a word."""
        return task_of(UNSETTLED_TASK if self.task == AUTO_TASK else self.task)

    @property
    def system_prompt(self) -> str:
        """The instruction: the study's own, else the task's."""
        return self.kind.instruction if self.prompt.system is None else self.prompt.system

    @property
    def metric_names(self) -> list[str]:
        """The metrics, the headline metric first: the study's own first, then the task's."""
        own = self.metrics or []
        return [*own, *(name for name in self.kind.metrics if name not in own)]

    @property
    def n_test_rows(self) -> int | None:
        """Test rows to take; None: all that the data name."""
        return self.split.test_size or (None if self.data.names_test_rows else DEFAULT_TEST_SIZE)

    @property
    def n_train_needed(self) -> int:
        """Training rows the largest trial needs."""
        return max([1, *(size for sizes in self._sizes_by_key().values() for size in sizes)])

    @property
    def asks_most_rows(self) -> str:
        """The option or key that asks for the most training rows."""
        by_key = self._sizes_by_key()
        return max(by_key, key=lambda key: max(by_key[key], default=0))

    def _sizes_by_key(self) -> dict[str, list[int]]:
        of_similar = [size for similar in self.similar_shots for size in similar.of or []]
        return {
            "--train-sizes": list(self.train_sizes),
            "--shots": [*self.random_shots, *of_similar],
            "optimize.sizes": list(self.optimized_sizes),
        }

    def comparable_part(self) -> dict[str, object]:
        """Return what all trials of a study must share to stand in one curve."""
        everything = self.model_dump(mode="json")
        keys = ["task", "data", "split", "sampling", "prompt", "answers", "bootstrap"]
        everything["metric_options"] = self.metric_options.described()
        if everything["metric_options"] != MetricOptions().described():
            keys.append("metric_options")
        everything["data"] = self.data.kept_the_same()
        if self.task == AUTO_TASK:
            everything["task"] = UNSETTLED_TASK
        return {key: everything[key] for key in keys} | {"system": self.system_prompt, "metrics": self.metric_names}

    def signature(self) -> str:
        """Return the hash of `comparable_part` and of where the rows are, 16 hexadecimal digits."""
        return stable_hash({**self.comparable_part(), "data": self.data.described()})


def stable_hash(value: Any, length: int = 16) -> str:
    """Return a hash of a JSON-able value that does not depend on key order or process."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]

"""One peer's training of an encoder, timed: run in the peer's own environment by `encoders.py`, which says what to do in JSON.

    python encoder_peers.py '{"peer": "trainer", "kind": "tagger", "model": "...", "rows": "...", "steps": 40, ...}'

Prints one JSON object: seconds, and seconds of the processor, of every optimizer step.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from typing import Any

import torch
from peers import StepClock, arguments, read_rows, train_and_print


def trainer_arguments(job: dict[str, Any]) -> Any:
    """What transformers' Trainer is told; `expert`: rows in the order in which they are given, which is tunecurve's."""
    from transformers import TrainingArguments

    expert = {"train_sampling_strategy": "sequential"} if job["expert"] else {}
    told = arguments(job) | {"learning_rate": 2e-4, "warmup_steps": 4, "weight_decay": 0.01}
    return TrainingArguments(**told, **expert)


def tagger(job: dict[str, Any], clock: StepClock) -> Any:
    """Transformers' Trainer on words with a tag each; a word's first piece has its tag."""
    from datasets import Dataset
    from transformers import AutoModelForTokenClassification, AutoTokenizer, DataCollatorForTokenClassification, Trainer

    tokenizer = AutoTokenizer.from_pretrained(job["model"])

    def encode(row: dict[str, Any]) -> dict[str, Any]:
        found = tokenizer(row["words"], is_split_into_words=True, truncation=True, max_length=256)
        words = found.word_ids()
        starts = [word is not None and word != before for word, before in zip(words, [None, *words], strict=False)]
        found["labels"] = [
            row["tags"][word] if is_first else -100 for word, is_first in zip(words, starts, strict=True)
        ]
        return dict(found)

    return Trainer(
        model=AutoModelForTokenClassification.from_pretrained(job["model"], num_labels=job["n_classes"]),
        args=trainer_arguments(job),
        train_dataset=Dataset.from_list([encode(row) for row in read_rows(job)]),
        data_collator=DataCollatorForTokenClassification(tokenizer),
        callbacks=[clock],
    )


def classifier(job: dict[str, Any], clock: StepClock) -> Any:
    """Transformers' Trainer on texts with a class each."""
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer

    tokenizer = AutoTokenizer.from_pretrained(job["model"])
    rows = [
        {**tokenizer(row["text"], truncation=True, max_length=256), "labels": row["label"]} for row in read_rows(job)
    ]
    return Trainer(
        model=AutoModelForSequenceClassification.from_pretrained(job["model"], num_labels=job["n_classes"]),
        args=trainer_arguments(job),
        train_dataset=Dataset.from_list(rows),
        data_collator=DataCollatorWithPadding(tokenizer),
        callbacks=[clock],
    )


def setfit(job: dict[str, Any], clock: StepClock) -> Any:
    """SetFit's own trainer: so many steps of so many pairs; `expert`: in the same precision, which it has no setting for."""
    precision = "bf16" if job["expert"] and job["dtype"] == "bfloat16" else "no"
    os.environ["ACCELERATE_MIXED_PRECISION"] = precision
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from setfit import SetFitModel, Trainer, TrainingArguments
    from sklearn.linear_model import LogisticRegression

    words = Transformer(job["model"])
    body = SentenceTransformer(modules=[words, Pooling(words.get_word_embedding_dimension())], device="cpu")
    trainer = Trainer(
        model=SetFitModel(model_body=body, model_head=LogisticRegression()),
        args=TrainingArguments(
            output_dir=job["folder"], batch_size=job["batch_size"], max_steps=job["steps"], report_to="none", seed=0
        ),
        train_dataset=Dataset.from_list([{"text": row["text"], "label": row["label"]} for row in read_rows(job)]),
        callbacks=[clock],
    )
    assert trainer.st_trainer.accelerator.mixed_precision == precision
    return trainer


def main() -> None:
    """Train as told."""
    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"])
    clock = StepClock()
    ways = {"tagger": tagger, "classifier": classifier, "setfit": setfit}
    packages = ["torch", "transformers", *(["setfit", "sentence-transformers"] if job["kind"] == "setfit" else [])]
    print("VERSIONS " + ", ".join(f"{name} {version(name)}" for name in packages))
    train_and_print(ways[job["kind"]](job, clock), clock)


if __name__ == "__main__":
    main()

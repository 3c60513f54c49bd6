"""One peer's training steps, timed: run in the peer's own environment by `compare.py`, which says what to do in JSON.

    python peers.py '{"peer": "trl", "model": "...", "rows": "...", "steps": 6, ...}'

Prints one JSON object: seconds, and seconds of the processor, of every optimizer step.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback


class StepClock(TrainerCallback):
    """Notes when each optimizer step ends."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.processor_times: list[float] = []

    def _note(self) -> None:
        self.times.append(time.perf_counter())
        self.processor_times.append(time.process_time())

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the clock."""
        self._note()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note the time."""
        self._note()


def lora(job: dict[str, Any]) -> Any:
    """The same adapters for everybody."""
    from peft import LoraConfig

    return LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")


def arguments(job: dict[str, Any]) -> dict[str, Any]:
    """What all trainers are told."""
    return {
        "output_dir": job["folder"],
        "per_device_train_batch_size": job["batch_size"],
        "max_steps": job["steps"],
        "learning_rate": 5e-4,
        "use_cpu": job.get("use_cpu", True),
        "bf16": job["dtype"] == "bfloat16",
        "report_to": "none",
        "save_strategy": "no",
        "logging_steps": 1,
        "dataloader_pin_memory": False,
        "seed": 0,
    }


def with_trl(job: dict[str, Any], model: Any, tokenizer: Any, rows: list[dict[str, Any]], clock: StepClock) -> Any:
    """TRL's SFTTrainer on prompt and completion; `expert` turns off what costs time here."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    options = {"gradient_checkpointing": False, "completion_only_loss": True} if job["expert"] else {}
    config = SFTConfig(**arguments(job), max_length=2048, **options)
    data = Dataset.from_list([{"prompt": row["messages"][:-1], "completion": row["messages"][-1:]} for row in rows])
    return SFTTrainer(
        model=model,
        args=config,
        train_dataset=data,
        processing_class=tokenizer,
        peft_config=lora(job),
        callbacks=[clock],
    )


def with_trainer(job: dict[str, Any], model: Any, tokenizer: Any, rows: list[dict[str, Any]], clock: StepClock) -> Any:
    """Transformers' Trainer and PEFT, loss on the answer, padding to the longest row of the batch."""
    from datasets import Dataset
    from peft import get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    def encode(row: dict[str, Any]) -> dict[str, list[int]]:
        prompt = tokenizer.apply_chat_template(row["messages"][:-1], add_generation_prompt=True, return_dict=False)
        answer = tokenizer(row["messages"][-1]["content"])["input_ids"] + [tokenizer.eos_token_id]
        return {"input_ids": [*prompt, *answer], "labels": [-100] * len(prompt) + answer}

    encoded = [encode(row) for row in rows]
    data = Dataset.from_list([{**row, "attention_mask": [1] * len(row["input_ids"])} for row in encoded])
    return Trainer(
        model=get_peft_model(model, lora(job)),
        args=TrainingArguments(**arguments(job)),
        train_dataset=data,
        data_collator=DataCollatorForSeq2Seq(tokenizer),
        callbacks=[clock],
    )


def read_rows(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that all train on."""
    with open(job["rows"], encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def train_and_print(trainer: Any, clock: StepClock) -> None:
    """Train and print the seconds of every step."""
    trainer.train()
    steps = [
        [later - earlier for earlier, later in itertools.pairwise(times)]
        for times in (clock.times, clock.processor_times)
    ]
    print("RESULT " + json.dumps({"seconds": steps[0], "processor_seconds": steps[1]}))


def main() -> None:
    """Train as told."""
    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"])
    tokenizer = AutoTokenizer.from_pretrained(job["model"])
    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=getattr(torch, job["dtype"]))
    clock = StepClock()
    ways = {"trl": with_trl, "trainer": with_trainer}
    train_and_print(ways[job["peer"]](job, model, tokenizer, read_rows(job), clock), clock)


if __name__ == "__main__":
    main()

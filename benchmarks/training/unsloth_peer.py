"""Unsloth's training steps on a CPU, timed: run in an environment with unsloth by `compare.py`, told what in JSON.

    python unsloth_peer.py '{"model": "...", "rows": "...", "steps": 6, ...}'

Its own model and adapters, TRL's SFTTrainer as it patches it, no gradient checkpointing, loss on the answer alone. Prints one
JSON object: seconds, and seconds of the processor, of every optimizer step.
"""

from __future__ import annotations

import json
import sys

import unsloth  # before transformers and trl, which it changes
from peers import StepClock, arguments, read_rows, train_and_print


def main() -> None:
    """Train as told."""
    import torch
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"])
    model, tokenizer = unsloth.FastLanguageModel.from_pretrained(
        job["model"], max_seq_length=2048, dtype=getattr(torch, job["dtype"]), load_in_4bit=False
    )
    layers = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    model = unsloth.FastLanguageModel.get_peft_model(
        model, r=16, lora_alpha=32, lora_dropout=0.0, target_modules=layers, use_gradient_checkpointing=False
    )
    clock = StepClock()
    options = {**arguments(job), "max_length": 2048, "completion_only_loss": True, "gradient_checkpointing": False}
    rows = [{"prompt": row["messages"][:-1], "completion": row["messages"][-1:]} for row in read_rows(job)]
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**options),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[clock],
    )
    train_and_print(trainer, clock)


if __name__ == "__main__":
    main()

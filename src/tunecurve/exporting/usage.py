"""How an exported model is used: the part of its card that says so, and the files that this needs."""

from __future__ import annotations

from pathlib import Path

from tunecurve.exporting.modelfile import modelfile, probe
from tunecurve.learners.converted import ConvertedModel, ModelFormat
from tunecurve.predictor import Predictor
from tunecurve.prompts import Prompt
from tunecurve.storage.files import write_text

MODELFILE = "Modelfile"
MOST_CONTEXT = 8192
_ANSWER_TOKENS = 512


def write_usage(
    predictor: Predictor, kind: ModelFormat, converted: ConvertedModel, folder: Path
) -> tuple[str, tuple[str, ...]]:
    """Return how a model is used, as Markdown, and the names of the files that were written for it."""
    name = converted.files[0].name
    if kind == "onnx":
        return '```\npip install numpy onnxruntime tokenizers\npython run.py "A text"\n```\n', ()
    asked = probe(predictor.renderer)
    prompt = converted.reads(asked) if converted.reads else ""
    if kind == "safetensors":
        usage = (
            "With transformers, vLLM or any server that takes a folder of safetensors. It was tuned on this prompt, "
            f"`{asked.source}` standing for the text:\n\n{_fenced(prompt)}"
        )
        return usage, ()
    context = min(predictor.learner.context_length() or MOST_CONTEXT, MOST_CONTEXT)
    write_text(folder / MODELFILE, modelfile(name, prompt, context=context, stops=converted.stops))
    return _of_gguf(name, asked, context), (MODELFILE,)


def _of_gguf(name: str, asked: Prompt, context: int) -> str:
    return (
        f"With Ollama (the {MODELFILE} holds the prompt that it was tuned on):\n\n"
        f'```\nollama create my-model -f {MODELFILE}\nollama run my-model "A text"\n```\n\n'
        "llama.cpp finds the chat template in the file, not the prompt: these messages must be sent with every call, or the scores below "
        f"are not those of the answers. From Python (`pip install xllamacpp`):\n\n{_fenced(_python(name, asked, context), 'python')}\n"
        f"As a server, which takes the same messages at `/v1/chat/completions`, with `temperature` 0:\n\n```\nllama-server -m {name}\n```\n"
    )


def _python(name: str, asked: Prompt, context: int) -> str:
    """Return a program that asks the file as the model was tuned."""
    messages = [
        f'    {{"role": "{message.role}", "content": {_content(message.content, asked.source)}}},'
        for message in asked.messages
    ]
    return "\n".join(
        [
            "import xllamacpp",
            "",
            "params = xllamacpp.CommonParams()",
            f'params.model.path, params.n_ctx = "{name}", {context}',
            "server = xllamacpp.Server(params)",
            "",
            'text = "A text"',
            "messages = [",
            *messages,
            "]",
            f'request = {{"messages": messages, "temperature": 0, "max_tokens": {_ANSWER_TOKENS}}}',
            'choice = server.handle_chat_completions(request)["choices"][0]',
            'print(choice["message"]["content"])  # cut at max_tokens where choice["finish_reason"] is "length"',
        ]
    )


def _content(content: str, stands_for_text: str) -> str:
    """Return a message's text as an expression of Python, the row's text as the name ``text``."""
    before, found, after = content.partition(stands_for_text)
    parts = [repr(before) if before or not found else "", "text" if found else "", repr(after) if after else ""]
    return " + ".join(part for part in parts if part)


def _fenced(text: str, language: str = "") -> str:
    """Return a text as a block of Markdown that no run of backticks in it ends."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}\n"

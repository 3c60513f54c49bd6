"""Small tokenizers and chat templates in the manner of the model families, made on the spot.

The templates are written for these tests after the families' documented control tokens; each has the structure of its
family's: who puts the begin token, what is trimmed, whether there is a system turn, how thinking is switched.
"""

from __future__ import annotations

import json
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

TEXTS = [
    "The quick brown fox calls Odile Brandt on 555-0100.",
    "Mask the personal data in the text: NAME, CITY.",
    "Call Tilda at the mill. Ask [NAME] <b>now</b>\n\nInput: Output: user assistant system model",
]


def byte_level(
    special: list[str], *, plain: list[str] | None = None, bos: str | None = None, nfc: bool = False, eos: str
) -> Any:
    """As those of GPT-2, Llama 3, Qwen and SmolLM."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS * 20, trainer)
    return _finished(tokenizer, special, plain or [], bos, eos)


def sentence_piece(special: list[str], *, bos: str | None, eos: str, legacy: bool = True, rstrip: bool = False) -> Any:
    """As those of Llama 2, Mistral and Phi 3: blanks are characters, one is put before a text, bytes where all else fails."""
    vocabulary = {token: number for number, token in enumerate(special)}
    for byte in range(256):
        vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
    learnt = Tokenizer(models.BPE())
    learnt.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    learnt.train_from_iterator(TEXTS * 20, trainers.BpeTrainer(vocab_size=300, show_progress=False))
    model = json.loads(learnt.to_str())["model"]
    for token in sorted(model["vocab"], key=model["vocab"].get):
        vocabulary.setdefault(token, len(vocabulary))
    vocabulary.setdefault("▁", len(vocabulary))
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True, fuse_unk=True, unk_token=special[0]))
    if legacy:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    decoding = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(decoding)
    return _finished(tokenizer, special, [], bos, eos, rstrip=rstrip)


def _finished(
    tokenizer: Tokenizer, special: list[str], plain: list[str], bos: str | None, eos: str, *, rstrip: bool = False
) -> Any:
    tokenizer.add_special_tokens([AddedToken(token, rstrip=rstrip, normalized=False) for token in special])
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in plain])
    if bos is not None:
        placed = [(bos, tokenizer.token_to_id(bos))]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A $B", special_tokens=placed
        )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos or eos, eos_token=eos, pad_token=eos)


CHATML = (
    "{%- for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
IM = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def chatml() -> Any:
    """SmolLM 2, Qwen 2.5: no begin token."""
    tokenizer = byte_level(IM, eos="<|im_end|>")
    tokenizer.chat_template = CHATML
    return tokenizer


def llama3() -> Any:
    """A begin token in the template and by the tokenizer, texts trimmed, a date."""
    tokens = ["<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|end_of_text|>"]
    tokenizer = byte_level(tokens, bos="<|begin_of_text|>", eos="<|eot_id|>")
    tokenizer.chat_template = (
        "{{- bos_token }}{%- if not date_string is defined %}{%- if strftime_now is defined %}"
        "{%- set date_string = strftime_now('%d %b %Y') %}{%- else %}{%- set date_string = '26 Jul 2024' %}{%- endif %}"
        "{%- endif %}{%- set told = '' %}{%- if messages[0]['role'] == 'system' %}"
        "{%- set told = messages[0]['content'] | trim %}{%- set messages = messages[1:] %}{%- endif %}"
        "{{- '<|start_header_id|>system<|end_header_id|>\n\nToday Date: ' + date_string + '\n\n' + told + '<|eot_id|>' }}"
        "{%- for m in messages %}{{- '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim "
        "+ '<|eot_id|>' }}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}"
    )
    return tokenizer


def mistral(*, legacy: bool = True) -> Any:
    """Marks of turns that are text, a begin token in the template, the instruction in the last user turn."""
    tokenizer = sentence_piece(["<unk>", "<s>", "</s>"], bos="<s>", eos="</s>", legacy=legacy)
    tokenizer.chat_template = (
        "{{ bos_token }}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
        "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
        "{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
    )
    return tokenizer


def phi3() -> Any:
    """Roles in control tokens that swallow blanks behind them."""
    tokens = ["<unk>", "<s>", "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
    tokenizer = sentence_piece(tokens, bos=None, eos="<|endoftext|>", rstrip=True)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + '<|end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
    )
    return tokenizer


def phi4() -> Any:
    """Roles between control tokens, no line breaks."""
    tokenizer = byte_level([*IM, "<|im_sep|>"], eos="<|im_end|>")
    tokenizer.chat_template = (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '<|im_sep|>' + m['content'] + '<|im_end|>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}"
    )
    return tokenizer


def gemma() -> Any:
    """A begin token in the template, no system turn, `model` for the assistant, tokens for line breaks and HTML."""
    tokens = ["<pad>", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"]
    tokenizer = byte_level(tokens, plain=["\n\n", "<b>", "</b>"], bos="<bos>", eos="<eos>")
    tokenizer.chat_template = (
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for m in messages %}{% set role = 'model' if m['role'] == 'assistant' else m['role'] %}"
        "{{ '<start_of_turn>' + role + '\n' + m['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
    )
    return tokenizer


def qwen3() -> Any:
    """Thinks unless it is told not to; earlier thoughts are cut out; NFC."""
    tokenizer = byte_level(IM, plain=["<think>", "</think>", "<tool_call>", "</tool_call>"], eos="<|im_end|>", nfc=True)
    tokenizer.chat_template = (
        "{%- for m in messages %}{%- set content = m.content %}{%- if m.role == 'assistant' and '</think>' in content %}"
        "{%- set content = content.split('</think>')[-1].lstrip('\n') %}{%- endif %}"
        "{{- '<|im_start|>' + m.role + '\n' }}"
        "{%- if m.role == 'assistant' and loop.last %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}"
        "{{- content + '<|im_end|>\n' }}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}"
        "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}{%- endif %}"
    )
    return tokenizer


def smollm3() -> Any:
    """A date, a mode in the system turn, `/no_think` in the instruction, a closed thought in the prompt."""
    tokenizer = byte_level(IM, plain=["<think>", "</think>"], eos="<|im_end|>")
    tokenizer.chat_template = (
        "{%- if enable_thinking is not defined %}{%- set enable_thinking = true %}{%- endif %}"
        "{%- set told = '' %}{%- if messages[0].role == 'system' %}{%- set told = messages[0].content %}{%- endif %}"
        "{%- if '/no_think' in told %}{%- set enable_thinking = false %}{%- endif %}"
        "{{- '<|im_start|>system\nToday Date: ' + strftime_now('%d %B %Y') + '\nReasoning Mode: ' }}"
        "{{- '/think' if enable_thinking else '/no_think' }}{{- '\n\n' + told.replace('/no_think', '') + '<|im_end|>\n' }}"
        "{%- for m in messages %}{%- if m.role != 'system' %}{{- '<|im_start|>' + m.role + '\n' }}"
        "{%- if m.role == 'assistant' and not enable_thinking %}{{- '<think>\n\n</think>\n' }}{%- endif %}"
        "{{- m.content + '<|im_end|>\n' }}{%- endif %}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}"
        "{%- if not enable_thinking %}{{- '<think>\n\n</think>\n' }}{%- endif %}{%- endif %}"
    )
    return tokenizer


def deepseek_r1() -> Any:
    """Opens a thought itself; control tokens that are not special; a begin token in the template."""
    tokenizer = byte_level(
        ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"],
        plain=["<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"],
        bos="<｜begin▁of▁sentence｜>",
        eos="<｜end▁of▁sentence｜>",
    )
    tokenizer.chat_template = (
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] }}{% elif m['role'] == 'user' %}"
        "{{ '<｜User｜>' + m['content'] }}{% else %}{% set content = m['content'] %}{% if '</think>' in content %}"
        "{% set content = content.split('</think>')[-1] %}{% endif %}"
        "{{ '<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<｜Assistant｜><think>\n' }}{% endif %}"
    )
    return tokenizer


def channels() -> Any:
    """As gpt-oss: the answer is one of several channels of a turn; the effort can be lowered."""
    tokenizer = byte_level(
        ["<|start|>", "<|message|>", "<|channel|>", "<|end|>", "<|return|>", "<|endoftext|>"], eos="<|return|>"
    )
    tokenizer.chat_template = (
        "{%- if reasoning_effort is not defined %}{%- set reasoning_effort = 'medium' %}{%- endif %}"
        "{{- '<|start|>system<|message|>Reasoning: ' + reasoning_effort + '<|end|>' }}{%- for m in messages %}"
        "{%- if m.role == 'assistant' %}{{- '<|start|>assistant<|channel|>final<|message|>' + m.content }}"
        "{{- '<|return|>' if loop.last else '<|end|>' }}{%- else %}"
        "{{- '<|start|>' + m.role + '<|message|>' + m.content + '<|end|>' }}{%- endif %}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|start|>assistant' }}{%- endif %}"
    )
    return tokenizer


def base_with_bos() -> Any:
    """No chat template; the tokenizer puts a begin token first, as Llama 3's and Gemma's base models do."""
    return byte_level(["<|bos|>", "<|eos|>"], bos="<|bos|>", eos="<|eos|>")


def base_sentence_piece() -> Any:
    """No chat template, Llama 2's kind of tokenizer."""
    return sentence_piece(["<unk>", "<s>", "</s>"], bos="<s>", eos="</s>")


FAMILIES = {
    "chatml": chatml,
    "llama3": llama3,
    "mistral": mistral,
    "mistral-first": lambda: mistral(legacy=False),
    "phi3": phi3,
    "phi4": phi4,
    "gemma": gemma,
    "qwen3": qwen3,
    "smollm3": smollm3,
    "deepseek-r1": deepseek_r1,
    "channels": channels,
    "base-bos": base_with_bos,
    "base-sentence-piece": base_sentence_piece,
}

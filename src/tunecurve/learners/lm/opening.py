"""A language model's files, looked at before its weights are read: they are whole, belong together, and know the rows of a study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import AutoConfig, AutoModelForCausalLM

from tunecurve.findings import Finding
from tunecurve.learners.lm.chat_format import ChatEncoder
from tunecurve.learners.model_files import ModelFiles
from tunecurve.learners.torch.known_pieces import piece_findings
from tunecurve.learners.torch.whole_models import check_headers, check_vocabulary, load_tokenizer, loading
from tunecurve.prompts import TuningExample


def opened(files: ModelFiles) -> tuple[Any, ChatEncoder]:
    """Return a model's configuration, and what turns prompts into its tokens.

    Raises
    ------
    ModelError
        When its files cannot be read, lack a tokenizer or weights, or do not belong together.
    """
    tokenizer = load_tokenizer(files)
    with loading(files):
        config = AutoConfig.from_pretrained(files.folder, trust_remote_code=False)
    encoder = ChatEncoder(tokenizer)
    if not files.is_known:
        if getattr(config, "quantization_config", None) is None:  # how such weights lie in files knows what loads them
            check_headers(AutoModelForCausalLM, files)
        check_vocabulary(files, tokenizer, _n_vectors(config), (encoder.end_token_id, *encoder.lead_ids), "model")
    return config, encoder


def known_pieces(name: str, config: Any, encoder: ChatEncoder, examples: Sequence[TuningExample]) -> list[Finding]:
    """Return that a model's tokenizer knows too little of the rows; raises `ModelError` where it knows (nearly) nothing."""

    def pieces_of(texts: Sequence[str]) -> list[list[int]]:
        return [encoder.token_ids(text) for text in texts]

    return piece_findings(name, encoder.tokenizer, pieces_of, _n_vectors(config), examples, such_as="")


def _n_vectors(config: Any) -> int:
    """Return how many pieces the model has a vector for."""
    return int(config.get_text_config().vocab_size)

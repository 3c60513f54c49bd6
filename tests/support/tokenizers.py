"""Real tokenizers with few tokens: a tiny model spends nine tenths of its arithmetic on the size of its vocabulary."""

import json

SMALL_VOCABULARY = 4096


def save_small_tokenizer(source, folder, n_tokens=SMALL_VOCABULARY):
    """Save a byte-level tokenizer with its special tokens, its bytes and its first merges; longer words are more tokens."""
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    path = folder / "tokenizer.json"
    whole = json.loads(path.read_text())
    model = whole["model"]
    model["vocab"] = {token: number for token, number in model["vocab"].items() if number < n_tokens}
    model["merges"] = [pair for pair in model["merges"] if "".join(pair) in model["vocab"]]
    assert len(model["vocab"]) == n_tokens
    path.write_text(json.dumps(whole))

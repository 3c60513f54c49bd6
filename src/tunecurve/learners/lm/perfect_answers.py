"""How the right answers would come back from a local language model that gives them: tokens, answer cap, decoding."""

from __future__ import annotations

from collections.abc import Sequence

from tunecurve.learners.answer_bounds import loss_at_the_cap
from tunecurve.learners.base import Loss, RoundTrip
from tunecurve.learners.lm.chat_format import ChatEncoder
from tunecurve.learners.lm.decoding.generate import AnswerLimits


def through_tokens(
    encoder: ChatEncoder, limits: AnswerLimits, sources: Sequence[str], targets: Sequence[str]
) -> RoundTrip:
    """Return the right answers as a perfect model would write them under the cap."""
    n_in = [encoder.count_tokens(source) for source in sources]
    answers = [encoder.token_ids(target) for target in targets]
    texts = [encoder.decode(ids[: limits.cap(n)]) for ids, n in zip(answers, n_in, strict=True)]
    whole = [encoder.decode(ids) for ids in answers]
    changed = tuple(row for row, (text, target) in enumerate(zip(whole, targets, strict=True)) if text != target)
    losses = []
    cut = loss_at_the_cap(
        n_in, [len(ids) for ids in answers], limits.max_tokens_per_input_token, limits.max_extra_tokens
    )
    if cut is not None:
        losses.append(cut)
    if changed:
        what = "test targets come back changed from the model's own tokens"
        losses.append(Loss("tokenizer", changed, what, "use another model, or replace these characters in the data"))
    return RoundTrip(texts, tuple(losses))

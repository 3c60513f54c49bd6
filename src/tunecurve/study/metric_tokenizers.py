"""How the metrics of a study cut its texts into words: chosen once by script, or by the study file, and said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunecurve.data.rows import Row
from tunecurve.findings import Finding
from tunecurve.formats.segmentation import LetterCounts, count_letters
from tunecurve.metrics.tokenizers import choose_bleu_tokenizer, choose_rouge_tokenizer, is_blind
from tunecurve.spec.study import StudySpec
from tunecurve.study.decisions import Decisions

DEFAULTS = {"bleu_tokenizer": "13a", "rouge_tokenizer": "rouge-score"}
_CHOOSE = {"bleu_tokenizer": choose_bleu_tokenizer, "rouge_tokenizer": choose_rouge_tokenizer}
_TITLES = {"bleu_tokenizer": "BLEU", "rouge_tokenizer": "ROUGE"}


@dataclass(frozen=True)
class MetricTokenizers:
    """The tokenizers of a study's metrics, and what is to be said about them."""

    bleu: str
    rouge: str
    findings: tuple[Finding, ...]


def decide_tokenizers(spec: StudySpec, rows: Sequence[Row], decisions: Decisions) -> MetricTokenizers:
    """Return how BLEU and ROUGE cut texts: as the study file says, else as fits the script of the first run's targets."""
    chosen, findings = dict(DEFAULTS), []
    for option, choose in _CHOOSE.items():
        title = _TITLES[option]
        if not any(name.startswith(title.lower()) for name in spec.metric_names):
            continue
        own = getattr(spec.metric_options, option)
        if own is not None:
            chosen[option] = own
            is_headline_metric = spec.metric_names[0].startswith(title.lower())
            findings += _blind(option, own, count_letters(_targets(rows)), is_headline_metric)
            continue
        choice = decisions.once(option, lambda choose=choose: vars(choose(_targets(rows))))  # type: ignore[misc]
        chosen[option] = choice["name"]
        if choice["name"] != DEFAULTS[option]:
            text = f"{title} cuts texts with the tokenizer '{choice['name']}': {choice['reason']}"
            remedy = f"metric_options: {option} in the study file sets another one"
            findings.append(Finding(option.replace("_", "-"), text, remedy, is_note=True))
    return MetricTokenizers(chosen["bleu_tokenizer"], chosen["rouge_tokenizer"], tuple(findings))


def _targets(rows: Sequence[Row]) -> Iterator[str]:
    return (text for row in rows for text in (row.target, *row.other_targets))


def _blind(option: str, name: str, counts: LetterCounts, is_headline_metric: bool) -> list[Finding]:
    if not is_blind(name, counts):
        return []
    sees = {"bleu_tokenizer": "takes whole clauses for one word", "rouge_tokenizer": "sees the letters a to z only"}
    text = f"{_TITLES[option]} is blind here: metric_options asks for the tokenizer '{name}', which {sees[option]}"
    remedy = f"leave {option} out, so that one is chosen by script"
    return [Finding("blind-metric", text, remedy, blocks=("verdict",) if is_headline_metric else ())]

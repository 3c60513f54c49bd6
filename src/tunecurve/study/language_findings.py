"""Rows that seem not to be in English, in a study whose encoders read English alone: another encoder is named, with what it brought."""

from __future__ import annotations

from collections.abc import Sequence

from tunecurve.data.languages import guess_languages
from tunecurve.data.rows import Row
from tunecurve.findings import Finding
from tunecurve.learners.distilled_names import models_within
from tunecurve.spec.study import StudySpec

# Those with names of their own that were made from English texts, the default among them; of hub ids and folders nothing is known.
ENGLISH_ENCODERS = ("", "all-minilm-l6-v2", "all-mpnet-base-v2")
MULTILINGUAL_ENCODER = "multilingual-e5-small-4bit"
# Of so many rows, evenly out of all, the language is guessed; of fewer that tell something nothing is said.
ROWS_LOOKED_AT, FEWEST_OTHER = 500, 10
# Of English sets 0 to 18 % of the rows seem to be in another language (tables of names the most), of a set in six languages 67 %, of
# others over 98 %.
FEWEST_SHARE = 0.3
# docs/results.md has the measurements.
MEASURED = {
    "masking": (
        "with 50 rows to mask, BLEU was 7 to 13 points higher in French, German and Italian, the same in Spanish, and of 100 documents "
        "24 to 33 fewer leaked; with 200 rows it was 8 and 12 points in French and Italian, and 13 and 18 documents (one seed)"
    ),
    "classification": "with 50 rows in six languages, a classifier was right in 43 % with the default encoder, 62 % with this (one seed)",
}
NOT_MEASURED = "what it brings to this task was not measured"


def language_findings(test: Sequence[Row], pool: Sequence[Row], spec: StudySpec) -> list[Finding]:
    """Return that the multilingual encoder exists, where rows seem to need it and no model of the study has it or one that may be."""
    encoders = [(name, *_encoder_of(name)) for name in models_within(spec.models) if _has_encoder(name)]
    if not encoders or any(encoder not in ENGLISH_ENCODERS for _, _, encoder in encoders):
        return []
    rows = [*test, *pool]
    looked_at = rows[:: max(1, len(rows) // ROWS_LOOKED_AT)]
    guess = guess_languages(row.source for row in looked_at)
    if guess.n_other < max(FEWEST_OTHER, FEWEST_SHARE * guess.n_told) or guess.n_told < FEWEST_SHARE * len(looked_at):
        return []
    names = [name for name, _, _ in encoders]
    starts, beside = ("start", "them") if len(names) > 1 else ("starts", "it")
    text = (
        f"of {guess.n_told} inputs that tell their language {guess.n_other} seem not to be in English (a guess by frequent words and "
        f"letters: {', '.join(guess.languages)}), and {' and '.join(names)} {starts} from an encoder made for English"
    )
    others = " and ".join(dict.fromkeys(f"{kind}:{MULTILINGUAL_ENCODER}" for _, kind, _ in encoders))
    measured = MEASURED.get(spec.task, NOT_MEASURED)
    return [
        Finding(
            "other-language",
            text,
            f"measure {others} beside {beside}, about twice the time: {measured}",
            is_note=True,
        )
    ]


def _has_encoder(name: str) -> bool:
    return name.partition(":")[0] in ("tagger", "classifier", "setfit")


def _encoder_of(name: str) -> tuple[str, str]:
    """Return what stands before an encoder's name (``tagger``, ``tagger:warm``), and that name; empty: the default."""
    kind, _, encoder = name.partition(":")
    if kind == "tagger" and (encoder == "warm" or encoder.startswith("warm:")):
        return "tagger:warm", encoder[len("warm:") :]
    return kind, encoder

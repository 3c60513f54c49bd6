"""What metrics are told about the data set that they score."""

from __future__ import annotations

from dataclasses import dataclass

from tunecurve.formats.placeholders import PlaceholderForm


@dataclass(frozen=True)
class MetricSettings:
    """How the texts of a data set are to be read, the same for all its trials.

    Attributes
    ----------
    labels : tuple of str
        The placeholders of masking, the classes of classification, the entity types of ner.
    placeholders : PlaceholderForm, optional
        How placeholders of masking are written; default: as the scored rows show it.
    bleu_tokenizer : str
        sacrebleu's name of the way BLEU cuts texts into words.
    rouge_tokenizer : {"rouge-score", "unicode", "by-row"}
        How ROUGE does; by the letters of each row where nothing is known of the data set.
    """

    labels: tuple[str, ...] = ()
    placeholders: PlaceholderForm | None = None
    bleu_tokenizer: str = "13a"
    rouge_tokenizer: str = "by-row"

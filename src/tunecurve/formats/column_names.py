"""Words in the names of columns, and what they say of the cells: classes, sets of labels, summaries, questions, right answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set

_WORD = re.compile(r"[A-ZÀ-Þ]?[a-zß-ÿ]+|[A-ZÀ-Þ]+")

CLASSES = frozenset({
    "label", "labels", "class", "classes", "category", "categories", "subcategory", "intent", "intents", "sentiment", "emotion", "emotions",
    "topic", "topics", "genre", "stance", "polarity", "klasse", "kategorie", "thema", "classe", "catégorie", "categorie", "étiquette",
    "clase", "categoría", "categoria", "etiqueta", "etichetta",
})  # fmt: skip
# The order of what stands in such a column says nothing.
SETS = frozenset({
    "labels", "tags", "categories", "classes", "topics", "genres", "emotions", "intents", "keywords", "themes", "aspects", "hashtags",
    "symptoms", "skills",
})  # fmt: skip
SUMMARIES = frozenset({
    "summary", "summaries", "summarization", "summarisation", "highlight", "highlights", "abstract", "abstracts", "tldr", "gist",
    "synopsis", "headline", "headlines", "zusammenfassung", "résumé", "resumen", "resumo", "riassunto", "samenvatting",
})  # fmt: skip
QUESTIONS = frozenset({
    "question", "questions", "query", "instruction", "instructions", "frage", "pregunta", "pergunta", "domanda", "vraag",
})  # fmt: skip
# Lists in such a column are answers of which any one is right.
ANSWERS = frozenset({
    "answer", "answers", "ideal", "reference", "references", "alias", "aliases", "truth", "truths", "solutions",
})  # fmt: skip


def called(columns: Iterable[str], words: Set[str]) -> str:
    """Return the first column that has one of some words in its name (``goldLabel``, ``gold_label``); empty where none has."""
    return next((name for name in columns if any(part.lower() in words for part in _WORD.findall(name))), "")

"""A learner that answers from its prompt alone: what stood in the last example; and keeps the prompts it was asked."""

from __future__ import annotations

import json
from collections import Counter

from tunecurve.learners.base import Completion, Learner, TrainingProgress, TrainingRecord, Tuned, unanswered


class PromptReader(Learner):
    """Answers with the target of the last example, without examples with the input."""

    takes_prompts = True

    def __init__(self, name="reader", context=None):
        self.name, self.context = name, context
        self.asked = []

    def identity(self):
        return {"kind": "reader", "context": self.context, "version": 1}

    def context_length(self):
        return self.context

    def tokens_needed(self, prompt):
        """Take every word of the prompt as a token, and one for the answer."""
        return sum(len(message.content.split()) for message in prompt.messages) + 1

    def predict_stream(self, prompts, done=()):
        for index, prompt in unanswered(prompts, done):
            self.asked.append(prompt)
            answers = [message.content for message in prompt.messages if message.role == "assistant"]
            yield (
                index,
                Completion(answers[-1] if answers else prompt.source, "end", self.tokens_needed(prompt), 1, 0.0),
            )


class TunedReader(PromptReader):
    """Tuned, it knows of every word which class it stood in most; untuned, it answers as a `PromptReader`."""

    def __init__(self, name="reader", context=None, votes=None):
        super().__init__(name, context)
        self.votes = votes

    def predict_stream(self, prompts, done=()):
        if self.votes is None:
            yield from super().predict_stream(prompts, done)
            return
        for index, prompt in unanswered(prompts, done):
            known = Counter()
            for word in prompt.source.split():
                known.update(self.votes.get(word, {}))
            best = max(sorted(known), key=lambda label: known[label], default="none")
            yield index, Completion(best, "end", len(prompt.source.split()), 1, 0.0)

    def resolve_recipe(self, recipe, n_examples):
        return {"name": "votes", "epochs": 1, "n_steps": 1, "learning_rate": 1.0, "batch_size": 1, "lora_rank": 1}

    def fine_tune(self, job, on_step):
        votes = {}
        for example in job.examples:
            for word in set(example.prompt.source.split()):
                votes.setdefault(word, Counter())[example.answer] += 1
        # A word that stands in every class tells nothing.
        votes = {word: dict(found) for word, found in votes.items() if len(found) == 1}
        (job.folder / "votes.json").write_text(json.dumps(votes))
        on_step(TrainingProgress(1, 1, 0.5, 10.0))
        record = TrainingRecord(1, 1, len(job.examples), [0.5], 0.01, len(job.examples), job.recipe, "votes")
        return Tuned(self.load_tuned(job.folder), record)

    def load_tuned(self, folder):
        return TunedReader(self.name, self.context, json.loads((folder / "votes.json").read_text()))

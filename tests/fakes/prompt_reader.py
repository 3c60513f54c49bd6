"""A learner that answers from its prompt alone: what stood in the last example; and keeps the prompts it was asked."""

from __future__ import annotations

from tunecurve.learners.base import Completion, Learner, unanswered


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

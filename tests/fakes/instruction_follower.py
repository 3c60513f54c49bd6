"""A model whose answers hang on its instruction: right as often as the instruction holds certain words; and it proposes instructions."""

from __future__ import annotations

from tunecurve.learners.base import Completion, Learner, unanswered


class InstructionFollower(Learner):
    """Knows the answers to all inputs; gives one where the instruction holds enough of `words`, else writes `wrong`.

    Parameters
    ----------
    answers : mapping of str to str
        By input.
    words : sequence of str
        The row at place i in order of the inputs is right where the instruction holds word i modulo their number.
    proposals : sequence of str or Completion
        What it proposes, one after the other, from the beginning again at the end.
    """

    takes_prompts = True

    def __init__(self, answers, words=("polite",), proposals=(), name="follower", context=None):
        self.name, self.answers, self.words, self.proposals, self.context = name, answers, words, proposals, context
        self.places = {source: place for place, source in enumerate(sorted(answers))}
        self.asked, self.asked_to_propose = [], []

    def identity(self):
        return {"kind": "follower", "words": list(self.words), "name": self.name}

    def context_length(self):
        return self.context

    def tokens_needed(self, prompt):
        return sum(len(message.content.split()) for message in prompt.messages) + 1

    def predict_stream(self, prompts, done=()):
        for index, prompt in unanswered(prompts, done):
            if prompt.max_tokens is not None:
                yield index, self._propose(prompt)
                continue
            self.asked.append(prompt)
            system = prompt.messages[0].content if prompt.messages[0].role == "system" else ""
            word = self.words[self.places[prompt.source] % len(self.words)]
            text = self.answers[prompt.source] if word in system else "wrong"
            yield index, Completion(text, "end", self.tokens_needed(prompt), 1, 0.0)

    def _propose(self, prompt):
        number = sum(ord(character) for character in prompt.messages[0].content) % max(1, len(self.proposals))
        self.asked_to_propose.append(prompt)
        proposal = self.proposals[number]
        return proposal if isinstance(proposal, Completion) else Completion(f"```\n{proposal}\n```", "end", 9, 9, 0.0)

"""Greedy decoding that can write nothing but what a task allows: a masking of the input, or an object of a known shape.

Where the model's own likeliest token is allowed at every step, the answer is the unconstrained one. (Choosing among the
tokens that an automaton lets through: Willard and Louf 2023, arXiv:2307.09702; here the likeliest token is asked for first,
so nothing is compiled ahead and no mask over the vocabulary is made.) Training is that of the unconstrained model, and is
shared with it.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from tunecurve.errors import ModelError
from tunecurve.formats.alignment import align_exactly
from tunecurve.formats.json_objects import read_object
from tunecurve.formats.json_shapes import JsonShape, shape_of_targets
from tunecurve.formats.mask_shapes import MaskShape, mask_shape
from tunecurve.formats.placeholders import Placeholder
from tunecurve.learners.base import Loss, RoundTrip, TrainingJob, TrainingProgress, Tuned
from tunecurve.learners.lm.decoding.automaton import Automaton
from tunecurve.learners.lm.decoding.json_automaton import JsonAutomaton
from tunecurve.learners.lm.decoding.masking_automaton import KnownLabels, MaskingAutomaton
from tunecurve.learners.lm.decoding.packed import Constraint
from tunecurve.learners.lm.learner import LocalLearner
from tunecurve.learners.lm.token_bytes import TokenBytes
from tunecurve.prompts import Prompt, TuningExample
from tunecurve.spec.study import CONSTRAINED
from tunecurve.tasks.base import AnswerKind

# A token further down is no choice of the model's any more; where the place is known, copying on is the better answer.
N_TRIED = 64


class AutomatonConstraint:
    """Chooses the tokens of one answer, in their order: the likeliest that an automaton lets through.

    Attributes
    ----------
    seconds : float
        What the choices took.
    is_closed : bool
        Whether a token was refused only because the answer cap was near.
    """

    what = "an answer"

    def __init__(self, automaton: Automaton[Any], tokens: TokenBytes, end_id: int) -> None:
        self.automaton, self.tokens, self.end_id = automaton, tokens, end_id
        self.standing = automaton.start
        self.seconds, self.is_closed = 0.0, False

    def choose(self, logits: torch.Tensor, likeliest: Sequence[int], guesses: Sequence[int]) -> list[int]:
        """Return the allowed token before each guess and after the last one; see `decoding.packed.Constraint`."""
        started = time.perf_counter()
        chosen: list[int] = []
        for position, token in enumerate(likeliest):
            chosen.append(token if self.take(token) else self._take_another(logits[position]))
            if chosen[-1] == self.end_id or (position < len(guesses) and chosen[-1] != guesses[position]):
                break
        self.seconds += time.perf_counter() - started
        return [*chosen, *likeliest[len(chosen) :]]

    def take(self, token: int) -> bool:
        """Note the token as written, if it is allowed, and return whether it is."""
        if token == self.end_id:
            return self.automaton.may_end(self.standing)
        written = self.tokens[token]
        standing = self.automaton.follow(self.standing, written) if written else None
        if standing is None:
            return False
        self.standing = standing
        return True

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing where the token that ends the answer is."""
        return False

    def take_instead(self) -> int | None:
        """Return the token to write where none of the likeliest is allowed; None: look further down."""
        return None

    def further_down(self, logits: torch.Tensor) -> Iterable[int]:
        """Return the tokens behind the likeliest ones, best first."""
        return logits.argsort(descending=True).tolist()

    def _take_another(self, logits: torch.Tensor) -> int:
        for token in logits.topk(min(N_TRIED, logits.numel())).indices.tolist():
            if self.take(token):
                return token
        instead = self.take_instead()
        if instead is not None:
            return instead
        for token in self.further_down(logits):
            if self.take(token):
                return token
        raise ModelError(f"no token of the model goes on with {self.what}; name the model without 'constrained:'")


class MaskingConstraint(AutomatonConstraint):
    """Chooses the tokens of a masking; where all likely ones are wrong, it copies on if the place is known."""

    automaton: MaskingAutomaton

    @property
    def what(self) -> str:  # type: ignore[override]
        """What is written, for messages."""
        return f"a masking of {self.automaton.text.decode()[:40]!r}"

    def take_instead(self) -> int | None:
        """Return the token that copies most of the input; within a label, or where it goes on in many places, None."""
        position = self.automaton.only_position(self.standing)
        copied = None if position is None else self.tokens.longest_at(self.automaton.text, position)
        return copied if copied is not None and self.take(copied) else None


class ObjectConstraint(AutomatonConstraint):
    """Chooses the tokens of a JSON object, and closes it by the shortest way just before the answer cap.

    Where the cap, which does not count the end token, cannot hold even the shortest object, the answer is cut.
    """

    automaton: JsonAutomaton
    what = "an object of the shape of the training rows"

    def __init__(self, automaton: JsonAutomaton, tokens: TokenBytes, end_id: int, cap: int) -> None:
        super().__init__(automaton, tokens, end_id)
        self._n_left = cap
        self._way_out = self._shortest_way_out(automaton.start)
        self._can_close = self._way_out is not None and len(self._way_out) <= cap

    def take(self, token: int) -> bool:
        """Note the token as written, if it is allowed and leaves room to close the object."""
        before = self.standing
        if not super().take(token):
            return False
        # Behind the cap a last token may be asked for, and is not written.
        if self._can_close and self._n_left > 0 and token != self.end_id:
            way_out = self._shortest_way_out(self.standing)
            if way_out is None or len(way_out) > self._n_left - 1:
                self.standing, self.is_closed = before, True
                return False
            self._way_out = way_out
        self._n_left -= 1
        return True

    def take_instead(self) -> int | None:
        """Return the next token on the shortest way to the end, where the cap is near."""
        if not (self.is_closed and self._can_close and self._way_out):
            return None
        token, *self._way_out = self._way_out
        AutomatonConstraint.take(self, token)
        self._n_left -= 1
        return token

    def _shortest_way_out(self, standing: Any) -> list[int] | None:
        """Return the tokens that end the object; None where a byte of them has no token."""
        text, ids = self.automaton.shortest_end(standing), []
        position = 0
        while position < len(text):
            token = self.tokens.longest_at(text, position)
            if token is None:
                return None
            ids.append(token)
            position += len(self.tokens[token])
        return ids

    @property
    def is_whole(self) -> bool:
        """Whether the answer is a whole object, so that a cap reached with it has cut nothing."""
        return self._can_close and self.automaton.may_end(self.standing)

    def further_down(self, logits: torch.Tensor) -> Iterable[int]:
        """Return the tokens whose first byte is allowed, best first; the end token may be among them."""
        allowed = self.tokens.beginning_with(self.automaton.next_bytes(self.standing))
        ids = torch.tensor([*allowed, self.end_id], device=logits.device)
        return ids[logits[ids].argsort(descending=True)].tolist()


class ConstrainedLearner(LocalLearner):
    """A `LocalLearner`, with its parameters, whose answers can be nothing but what its task allows.

    Raises
    ------
    ModelError
        When the model's tokenizer is not byte-level.
    """

    loss_note = "of the model without its constraint"
    needs_answer_shape = True
    unseen_in = ""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.name = CONSTRAINED + self.files.name
        self.tokens = TokenBytes(self.encoder.tokenizer, self.files.name)

    def return_targets(
        self, prompts: Sequence[Prompt], targets: Sequence[str], examples: Sequence[TuningExample]
    ) -> RoundTrip:
        """Send the right answers through tokens, answer cap and decoding; what has another shape than the examples is lost."""
        found = super().return_targets(prompts, targets, examples)
        other = self.out_of_shape(prompts, targets, examples) if examples else ()
        if not other:
            return found
        texts = ["" if row in other else text for row, text in enumerate(found.texts)]
        what = (
            f"test targets have {self.unseen_in} that no training row has, so that a tuned constrained model cannot write them "
            "(counted as empty answers here)"
        )
        return RoundTrip(
            texts, (*found.losses, Loss("shape", other, what, "see the model without 'constrained:' beside it"))
        )

    def out_of_shape(
        self, prompts: Sequence[Prompt], targets: Sequence[str], examples: Sequence[TuningExample]
    ) -> tuple[int, ...]:
        """Return the places of right answers that are of no shape which the examples show."""
        raise NotImplementedError


class MaskingLearner(ConstrainedLearner):
    """A local model whose answers are maskings of their inputs, within the limits that its training rows show.

    Raises
    ------
    ModelError
        As above; at work, when a prompt has no labels.
    """

    unseen_in = "a label, a longer masked stretch or an order of labels"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._known_labels = functools.lru_cache(maxsize=8)(KnownLabels)

    def identity(self) -> dict[str, object]:
        """Return what determines the answers."""
        return super().identity() | {"decoding": "greedy, constrained to maskings, v2", "tokens_tried": N_TRIED}

    def fine_tune(self, job: TrainingJob, on_step: Callable[[TrainingProgress], None]) -> Tuned:
        """Fine-tune as the unconstrained model does, after looking whether there are labels to answer with."""
        for example in job.examples:
            self._labels_of(example.prompt)
        return super().fine_tune(job, on_step)

    def constraint(self, prompt: Prompt) -> Constraint:
        """Return the constraint of the answer to a prompt."""
        shape = prompt.shape if isinstance(prompt.shape, MaskShape) else None
        automaton = MaskingAutomaton(prompt.source, self._labels_of(prompt), self.encoder.answer_lead, shape)
        return MaskingConstraint(automaton, self.tokens, self.encoder.end_token_id)

    def out_of_shape(
        self, prompts: Sequence[Prompt], targets: Sequence[str], examples: Sequence[TuningExample]
    ) -> tuple[int, ...]:
        """Return the places of maskings with a label, a stretch or an order of labels that the examples do not allow.

        Blanks at the ends of a text do not count, and a placeholder is judged as this model writes it.
        """
        form = prompts[0].form

        def written(one: Placeholder) -> str:
            return form.write(one.name if form.number_of(one.name) else one.label)

        shape = mask_shape([(example.prompt.source, example.answer) for example in examples], form)
        return tuple(
            row
            for row, (prompt, target) in enumerate(zip(prompts, targets, strict=True))
            if align_exactly(prompt.source, target, form)
            and not MaskingAutomaton(prompt.source.strip(), self._labels_of(prompt), shape=shape).takes(
                form.replace(target, written, prompt.source).strip().encode()
            )
        )

    def _labels_of(self, prompt: Prompt) -> KnownLabels:
        return self._known_labels(prompt.labels, prompt.numbered, prompt.form)


class ObjectLearner(ConstrainedLearner):
    """A local model whose answers are JSON objects of the shape that its training rows show.

    Raises
    ------
    ModelError
        As above; at work, when a prompt says no shape.
    """

    unseen_in = "a key, type or value"

    def identity(self) -> dict[str, object]:
        """Return what determines the answers, their shape aside."""
        return super().identity() | {"decoding": "greedy, constrained to JSON, closed at the cap, v2"}

    def constraint(self, prompt: Prompt) -> Constraint:
        """Return the constraint of the answer to a prompt."""
        if not isinstance(prompt.shape, JsonShape):
            raise ModelError(
                "a constrained model writes nothing but objects of the shape of its training rows, and this prompt says none: "
                "the constraint needs an extraction task; name the model without 'constrained:'"
            )
        cap = self.limits.cap(self.encoder.count_tokens(prompt.source))
        return ObjectConstraint(JsonAutomaton(prompt.shape), self.tokens, self.encoder.end_token_id, cap)

    def out_of_shape(
        self, prompts: Sequence[Prompt], targets: Sequence[str], examples: Sequence[TuningExample]
    ) -> tuple[int, ...]:
        """Return the places of targets with a key, type or value that no training row has."""
        shape = shape_of_targets((example.answer, example.prompt.source) for example in examples)
        return tuple(row for row, target in enumerate(targets) if not shape.has(read_object(target)))


# Which of them gives the answers of a task.
CONSTRAINED_LEARNERS: dict[AnswerKind, type[ConstrainedLearner]] = {"mask": MaskingLearner, "object": ObjectLearner}

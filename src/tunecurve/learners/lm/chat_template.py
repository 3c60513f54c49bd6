"""A model's own chat template: what it can do is found by rendering it, and what it is given is always the same.

Thinking is switched off where the template has a switch; a thought that it opens is closed, empty. Dates in it are the
study's own. Texts of rows are never read as commands by the template: what it looks for in them is hidden from it.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import string
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import jinja2

from tunecurve.errors import ModelError
from tunecurve.findings import Finding
from tunecurve.learners.cleaning import THOUGHT_MARKS
from tunecurve.prompts import Message

# Switches by the names that model families gave them, and the value that stands for the least thinking: Qwen 3, SmolLM 3,
# GLM; Granite, DeepSeek, Kimi; gpt-oss and Mistral; Seed. One is used where it changes what the template writes.
THINKING_SWITCHES: tuple[tuple[str, Any], ...] = (
    ("enable_thinking", False),
    ("thinking", False),
    ("reasoning", False),
    ("reasoning_effort", "none"),
    ("reasoning_effort", "low"),
    ("thinking_budget", 0),
)
# In capitals and small letters: a template that changes case changes them.
_ASKED, _ANSWERED, _TOLD, _EARLIER = "QUESTION asked", "ANSWER given", "INSTRUCTION told", "EARLIER asked"
_ESCAPED = "\ufdd2{:x}\ufdd3"
_AS_ESCAPED = re.compile("\ufdd2([0-9a-f]+)\ufdd3")
_PRIVATE = re.compile("[\ufdd0-\ufdd3]")
_QUOTED = re.compile(r"'([^'\n]{2,})'|\"([^\"\n]{2,})\"")


class ChatTemplate:
    """Renders chats by a tokenizer's template.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        With a chat template.
    date : datetime.date
        What the template is told as the day.
    hidden : sequence of str
        Texts that are not to be recognised in messages, such as the tokenizer's control tokens.

    Attributes
    ----------
    takes_system : bool
        Whether there is a system turn; else the instruction is put in front of the first user turn.
    takes_examples : bool
        Whether earlier turns, questions and answers, are written.
    options : dict
        What the template is told beside the messages.
    prompt_end : str
        What is put behind the template's prompt, before every answer: the rest of an empty thought, or the head of the
        turn where the template leaves that out.
    answer_lead : str
        Blanks that the template puts before an answer.
    behind_answer : str
        What it puts behind one.

    Raises
    ------
    ModelError
        When the template cannot render a question.
    """

    def __init__(self, tokenizer: Any, date: datetime.date, hidden: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        source = tokenizer.get_chat_template()
        self._source = source
        self._hidden = _any_of({*hidden, *_looked_for(source), *(mark for pair in THOUGHT_MARKS for mark in pair)})
        self._date = date
        self.options: dict[str, object] = {}
        self._in_parts = False
        asked = [Message("user", _ASKED)]
        self._choose_form(asked)
        self.options = self._find_switches(asked)
        self.takes_system = self._finds_all([Message("system", _TOLD), *asked])
        if not self._finds_all(asked):
            raise ModelError(
                "the model's chat template leaves out or changes the user's text; choose a model with another template"
            )
        self.takes_examples = self._finds_all([Message("user", _EARLIER), Message("assistant", _ANSWERED), *asked])
        self._look_at_answers(asked)

    @property
    def day(self) -> str:
        """The day that the template is told, ISO."""
        return self._date.isoformat()

    @property
    def has_date(self) -> bool:
        """Whether the template writes the day."""
        return "strftime_now" in self._source

    def identity(self) -> dict[str, object]:
        """Return what determines the rendering, JSON-able."""
        described: dict[str, object] = {
            "sha256": hashlib.sha256(self._source.encode()).hexdigest()[:16],
            "options": self.options,
            "prompt_end": self.prompt_end,
            "answer_lead": self.answer_lead,
            "system_turn": self.takes_system,
        }
        return described | ({"date": self.day} if self.has_date else {})

    def render(self, messages: Sequence[Message]) -> str:
        """Return the prompt for messages, up to where the answer starts; texts in it are escaped, see `unescape`."""
        if not self.takes_system:
            messages = system_into_user(messages)
        if not self.takes_examples and any(message.role == "assistant" for message in messages):
            raise ModelError(
                "the model's chat template leaves out or refuses earlier answers, so it takes no examples; use --shots 0"
            )
        hidden = [Message(message.role, self._escape(message.content)) for message in messages]
        try:
            return self._apply(hidden, is_prompt=True) + self.prompt_end
        except (jinja2.TemplateError, TypeError, ValueError, KeyError, IndexError) as error:
            turns = ", ".join(message.role for message in messages)
            raise ModelError(
                f"the model's chat template refuses these turns: {turns} ({_in_short(error)}); use --shots 0, or choose "
                "another model"
            ) from None

    def _escape(self, text: str) -> str:
        """Break up all that the template or the tokenizer would recognise; a template's other work on it is as ever."""
        text = _PRIVATE.sub(lambda found: _ESCAPED.format(ord(found[0])), text)
        return self._hidden.sub(lambda found: _ESCAPED.format(ord(found[0])), text)

    @staticmethod
    def unescape(text: str) -> str:
        """Return a rendered text with the messages' texts as they were."""
        return _AS_ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)

    @cached_property
    def _with_date(self) -> str:
        """The template with its question for the day answered."""
        if not self.has_date:
            return self._source
        day = datetime.datetime.combine(self._date, datetime.time(12))
        # Single letters only where strftime knows them; "%-d" before "%d".
        replaced = "".join(
            f"|replace('%{directive}', {day.strftime('%' + directive)!r})"
            for directive in [*("-" + letter for letter in "dmeHIMSjyY"), *string.ascii_letters]
            if day.strftime("%" + directive) != "%" + directive
        )
        # Of the line break one is taken by `trim_blocks`: the template starts on a line of its own, as it did.
        macro = "{% macro strftime_now(format) %}{{ format" + replaced + " }}{% endmacro %}\n"
        return macro + self._source

    def _apply(self, messages: Sequence[Message], *, is_prompt: bool, options: dict[str, object] | None = None) -> str:
        def content(message: Message) -> Any:
            return [{"type": "text", "text": message.content}] if self._in_parts else message.content

        return self._tokenizer.apply_chat_template(
            [{"role": message.role, "content": content(message)} for message in messages],
            chat_template=self._with_date,
            tokenize=False,
            add_generation_prompt=is_prompt,
            **(self.options if options is None else options),
        )

    def _tried(
        self, messages: Sequence[Message], *, is_prompt: bool, options: dict[str, object] | None = None
    ) -> str | None:
        try:
            return self._apply(messages, is_prompt=is_prompt, options=options)
        except (jinja2.TemplateError, TypeError, ValueError, KeyError, IndexError):
            return None

    def _finds_all(self, messages: Sequence[Message]) -> bool:
        rendered = self._tried(messages, is_prompt=True)
        return rendered is not None and all(message.content in rendered for message in messages)

    def _choose_form(self, asked: Sequence[Message]) -> None:
        """Find out whether texts are given as such, or as parts of a message, as to models that see pictures, too."""
        if self._finds_all(asked):
            return
        self._in_parts = True
        if self._finds_all(asked):
            return
        self._in_parts = False
        try:
            self._apply(asked, is_prompt=True)
        except (jinja2.TemplateError, TypeError, ValueError, KeyError, IndexError) as error:
            raise ModelError(
                f"the model's chat template cannot write a user's turn ({_in_short(error)}); mend its chat template, or choose "
                "another model"
            ) from None

    def _find_switches(self, asked: Sequence[Message]) -> dict[str, object]:
        """Return the switches against thinking that change what the template writes."""
        plain, found = self._tried(asked, is_prompt=True), {}
        for name, value in THINKING_SWITCHES:
            if name in found or not re.search(rf"\b{name}\b", self._source):
                continue
            if value == "none" and not re.search(r"['\"]none['\"]", self._source):
                continue
            changed = self._tried(asked, is_prompt=True, options={name: value})
            if changed is not None and changed != plain:
                found[name] = value
        return found

    def _look_at_answers(self, asked: Sequence[Message]) -> None:
        """Find what stands before and behind an answer."""
        prompt = self._apply(asked, is_prompt=True)
        whole = self._tried([*asked, Message("assistant", _ANSWERED)], is_prompt=False) or ""
        before, _, self.behind_answer = whole.rpartition(_ANSWERED)
        lead = before.removeprefix(prompt) if before.startswith(prompt) else ""
        is_blank = not lead.strip()
        self.answer_lead, self.prompt_end = (lead, "") if is_blank else ("", lead)
        for opening, closing in THOUGHT_MARKS:
            found = re.search(re.escape(opening) + r"\s*$", prompt + self.prompt_end)
            if found:  # as the templates that have a switch write the thought that is none
                blank = found[0].removeprefix(opening)
                self.answer_lead, self.prompt_end = "", f"{self.prompt_end}{'' if blank else chr(10)}\n{closing}\n\n"


def template_findings(model: str, template: ChatTemplate) -> list[Finding]:
    """Return how a model's template is used, where that is no matter of course."""
    notes = []
    if template.options:
        told = ", ".join(f"{name}={value}" for name, value in template.options.items())
        notes.append(("thinking-off", f"its chat template is told {told}: answers without thoughts"))
    if template.prompt_end:
        notes.append(
            ("prompt-end", f"behind its chat template's prompt stands {template.prompt_end!r}, also in training")
        )
    if template.has_date:
        notes.append(("prompt-date", f"its chat template writes a date: {template.day}, on whatever day it runs"))
    if not template.takes_system:
        notes.append(
            ("no-system-turn", "its chat template has no system turn; the instruction begins the first user turn")
        )
    return [Finding(code, f"{model}: {text}", is_note=True) for code, text in notes]


def system_into_user(messages: Sequence[Message]) -> list[Message]:
    """Put the instruction in front of the first user turn, for templates without a system role."""
    if not messages or messages[0].role != "system":
        return list(messages)
    system, first, *rest = messages
    return [Message("user", f"{system.content}\n\n{first.content}"), *rest]


def _looked_for(source: str) -> set[str]:
    """Return the quoted texts of a template that it may look for in messages: whatever has more than letters."""
    quoted = {found[1] or found[2] for found in _QUOTED.finditer(source)}
    return {text for text in quoted if re.search(r"[<\[{|/]", text)}


def _any_of(texts: set[str]) -> re.Pattern[str]:
    """Return the pattern of the first character of any of the texts, wherever one begins."""
    longest_first = sorted(texts, key=len, reverse=True)
    return re.compile("(?s)(?=" + "|".join(map(re.escape, longest_first)) + ").") if texts else re.compile("(?!)")


def _in_short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:150]

"""Chats: turns with roles, of which the last assistant turn is the target and what stands before it the input.

A chat with one user turn has its text as input. Of a longer one the input is every turn before the answer, in this plain rendering::

    System: Answer in one word.

    User: Which river flows through Porto?

    Assistant: Douro

    User: And through Lyon?

The system text that all rows share is the study's instruction, as a tuning service would send it, and then stands in no input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tunecurve.data.cells import is_missing, list_in_text, plain_value
from tunecurve.data.shapes.base import Cells, NotReadError, Plain, unreadable

Role = Literal["system", "user", "assistant"]
ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "chatbot": "assistant",
}
_TOOL_ROLES = {
    *("tool", "function", "function_call", "function_response", "observation", "tool_call", "tool_response"),
    "ipython",
}
TOOL_KEYS = ("tool_calls", "function_call", "functionCall", "functionResponse", "toolUse", "toolResult")
_TOOL_TYPES = {"tool_use", "tool_result", "tool_call", "tool_response", "function_call", "server_tool_use"}
_TEXT_TYPES = {None, "text", "input_text", "output_text"}
_THOUGHT_TYPES = {"thinking", "redacted_thinking", "reasoning"}
# Marks at the beginning of an answer that holds more than what a user reads; it is learnt as it stands there, and said.
_WRITTEN = {"written thoughts": "<think>", "written tool calls": "<tool_call>"}
_THOUGHT_KEYS = ("reasoning_content", "thinking", "reasoningContent")

TOOLS = "tools"  # the column of those that a chat may call
# Columns beside the turns that hold the system text.
SYSTEM_COLUMNS = (
    *("system", "system_prompt", "system_message", "systemPrompt", "systemInstruction", "system_instruction"),
)

TOOL_CALLS = unreadable(
    "tool calls",
    "their chat calls tools, and what a tool call should be is no text",
    "leave these rows out, or write calls and results as text",
)
NOT_TEXT = unreadable(
    "chat with parts that are no text",
    "their chat holds images, sound or files, which no learner here reads",
    "leave these rows out",
)
ENDS_WITHOUT_ANSWER = unreadable(
    "chat ends with a user turn",
    "their chat ends with a turn that has no answer, so that there is nothing to learn",
    "add the answer, or take the last turn off",
)
NO_ANSWER = unreadable(
    "chat without an answer to learn",
    "their chat has no assistant turn, or none with a weight",
    "leave these rows out, or write the answer as the last turn",
)
NO_QUESTION = unreadable(
    "chat without a user turn", "their chat has no user turn before the answer", "leave these rows out"
)
REFUSAL = unreadable(
    "refusals",
    "their chat holds a refusal in a field of its own, and no content",
    "to learn it, write the refusal as the content",
)
UNKNOWN_ROLE = unreadable(
    "chat with an unknown role",
    "a turn of their chat has a role that is none of system, developer, user, assistant, tool",
    "rename the role (it stands in the line about the shape)",
)
NOT_A_CHAT = unreadable(
    "no chat",
    "they hold no list of turns where other rows do",
    "give every row, and every file of test rows, the same shape (tunecurve convert FILE --to openai writes it), or leave these rows out",
)


@dataclass(frozen=True)
class Turn:
    """One turn: whose it is, its text, and whether an answer is meant to be learnt."""

    role: Role
    text: str
    is_learnt: bool = True


@dataclass
class Chat:
    """The turns of one row, and what of the row was left out."""

    turns: list[Turn] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, cell: Any, row: Cells) -> Chat:
        """Return the chat that a cell holds, a system text that stands beside it first.

        Raises
        ------
        NotReadError
            With the reason why the row is dropped.
        """
        turns = turns_in(cell)
        if not turns:
            raise NotReadError(NOT_A_CHAT)
        chat = cls()
        if not is_missing(row.get(TOOLS)) and row[TOOLS] not in ("", "[]", []):
            chat.remarks.append(("tools", ""))
        for turn in turns:
            chat.add(turn)
        chat.add_system(row)
        return chat

    def add_system(self, row: Cells) -> None:
        """Add the system text that stands in a column beside the turns, unless it is that of the turns."""
        for column in reversed(SYSTEM_COLUMNS):
            text = self.text_of(row[column]) if holds_words(row.get(column)) else ""
            if text.strip() and text.strip() != self.head:
                self.turns.insert(0, Turn("system", text))

    def add(self, turn: Any) -> None:
        """Add a turn as a file holds it.

        Raises
        ------
        NotReadError
            With the reason why the row is dropped.
        """
        if not isinstance(turn, Mapping):
            raise NotReadError(NOT_A_CHAT)
        role = str(_first(turn, "role", "from", "author") or ("user" if "parts" in turn else "")).strip().casefold()
        if role in _TOOL_ROLES or any(_first(turn, key) for key in TOOL_KEYS):
            raise NotReadError(TOOL_CALLS)
        if role not in ROLES:
            raise NotReadError(UNKNOWN_ROLE, role)
        if any(_first(turn, key) for key in _THOUGHT_KEYS):
            self.remarks.append(("thoughts", ""))
        text = self.text_of(_first(turn, "content", "value", "parts", "text"))
        if not text.strip() and _first(turn, "refusal"):
            raise NotReadError(REFUSAL)
        self.turns.append(Turn(ROLES[role], text, _is_learnt(turn)))

    def text_of(self, content: Any) -> str:
        """Return the text of a turn; of several parts, joined by line breaks."""
        content = plain_value(content)
        if is_missing(content):
            return ""
        if isinstance(content, str):
            return content
        parts = content if isinstance(content, list) else [content]
        return "\n".join(text for part in parts if (text := self._part(plain_value(part))) is not None)

    def _part(self, part: Any) -> str | None:
        if isinstance(part, str):
            return part
        if not isinstance(part, Mapping):
            raise NotReadError(NOT_TEXT)
        if "parts" in part:  # a whole turn, as Vertex writes a system instruction
            return self.text_of(part["parts"])
        kind = _first(part, "type")
        if kind in _THOUGHT_TYPES or _first(part, "thought", "reasoningContent"):
            self.remarks.append(("thoughts", ""))
            return None
        if kind in _TOOL_TYPES or any(_first(part, key) for key in TOOL_KEYS):
            raise NotReadError(TOOL_CALLS)
        text = _first(part, "text")
        if kind not in _TEXT_TYPES or not isinstance(text, str):
            raise NotReadError(NOT_TEXT)
        return text

    @property
    def head(self) -> str:
        """The system text before the first other turn."""
        texts = []
        for turn in self.turns:
            if turn.role != "system":
                break
            texts.append(turn.text.strip())
        return "\n\n".join(text for text in texts if text)

    def plain(self, instruction: str | None) -> Plain:
        """Return input and target; a system text that is the study's instruction stands in no input.

        Raises
        ------
        NotReadError
            Where there is no answer to learn, or nothing that it answers.
        """
        remarks = list(self.remarks)
        before, answer, n_after = _cut(self.turns)
        remarks += [(kind, "") for kind, mark in _WRITTEN.items() if answer.text.lstrip().startswith(mark)]
        if n_after:
            remarks.append(("turns after the answer", ""))
        head = self.head
        if head and instruction is not None and head == instruction.strip():
            before = [turn for number, turn in enumerate(before) if not _is_head(before, number)]
            remarks.append(("instruction", head))
        elif head:
            remarks.append(("system text", head))
        asked = [turn for turn in before if turn.text.strip()]
        if not any(turn.role == "user" for turn in asked):
            if any(turn.role == "user" for turn in before):
                return Plain("", answer.text, tuple(remarks))  # an empty question is an empty input
            raise NotReadError(NO_QUESTION)
        if sum(turn.role != "system" for turn in asked) > 1:
            remarks.append(("earlier turns", ""))
        return Plain(rendered(asked), answer.text, tuple(remarks))


def _is_learnt(turn: Mapping[str, Any]) -> bool:
    """Return whether an answer is meant to be learnt: OpenAI's ``weight``, ``train`` and ``loss`` of other trainers say no."""
    return _first(turn, "weight") != 0 and _first(turn, "train") is not False and _first(turn, "loss") is not False


def _is_head(turns: Sequence[Turn], number: int) -> bool:
    return all(turn.role == "system" for turn in turns[: number + 1])


def _cut(turns: Sequence[Turn]) -> tuple[list[Turn], Turn, int]:
    """Return the turns before the answer, the answer, and how many turns after it are not to be learnt."""
    answers = [number for number, turn in enumerate(turns) if turn.role == "assistant"]
    if not answers:
        raise NotReadError(ENDS_WITHOUT_ANSWER if turns else NO_ANSWER)
    learnt = [number for number in answers if turns[number].is_learnt]
    if not learnt:
        raise NotReadError(NO_ANSWER)
    if answers[-1] < len(turns) - 1:
        raise NotReadError(ENDS_WITHOUT_ANSWER)
    return list(turns[: learnt[-1]]), turns[learnt[-1]], len(turns) - 1 - learnt[-1]


def rendered(turns: Sequence[Turn]) -> str:
    """Return turns as one plain text: of a single user turn its text, else every turn with its role."""
    if len(turns) == 1 and turns[0].role == "user":
        return turns[0].text
    return "\n\n".join(f"{turn.role.capitalize()}: {turn.text.strip()}" for turn in turns)


def turns_in(cell: Any) -> list[Any] | None:
    """Return the turns that a cell holds: a list, a text that spells one out, or lists by key; None for anything else."""
    cell = plain_value(cell)
    if isinstance(cell, str):
        cell = list_in_text(cell, with_scalars=True)
    if isinstance(cell, Mapping) and cell and all(isinstance(plain_value(value), list) for value in cell.values()):
        lists = {key: plain_value(value) for key, value in cell.items()}
        if len({len(value) for value in lists.values()}) != 1:
            return None
        return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]
    return [plain_value(item) for item in cell] if isinstance(cell, list) else None


def holds_words(cell: Any) -> bool:
    """Return whether a cell may hold a system text: a text, parts of one, or a turn."""
    cell = plain_value(cell)
    return bool(cell) and isinstance(cell, str | list | Mapping) and bool(str(cell).strip())


def _first(cells: Mapping[str, Any], *keys: str) -> Any:
    """Return the first of some keys that holds something."""
    return next((cells[key] for key in keys if not is_missing(cells.get(key))), None)

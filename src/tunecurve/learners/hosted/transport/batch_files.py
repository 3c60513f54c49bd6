"""The result file of a batch, read line by line: a line that cannot be read costs its own row, and no other.

A file may be cut, or hold a line that is no JSON, an answer with odd fields, an error in the place of an answer. What was
answered and paid for is kept.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tunecurve.learners.hosted.transport.answer_bodies import mend_chat, mend_gemini, mend_response
from tunecurve.learners.hosted.transport.failures import reason_of, shorten, status_of
from tunecurve.learners.hosted.transport.gateway import Failure
from tunecurve.learners.hosted.transport.odd_answers import Explained, OddAnswer
from tunecurve.learners.hosted.transport.rest import JsonObject

# The name that a row travels under, in a line that cannot be read as JSON.
_NAME = re.compile(r'"(?:custom_id|key)"\s*:\s*"([^"\\]+)"')


def unreadable_line(reason: str) -> Explained:
    """Return the error of a row whose answer was made, and cannot be read: asking again may go well."""
    return Explained(
        Failure(f"the batch's result file has no readable answer to this row: {reason}", may_be_billed=True)
    )


def read_results(batcher: Any, content: bytes) -> JsonObject:
    """Return the answer, or the error, of every row that a result file names."""
    results: JsonObject = {}
    # JSON may hold other line ends as they are; the file's own are "\n".
    for line in content.decode("utf-8", "replace").split("\n"):
        if line.strip():
            name, result = _read_line(batcher, line)
            if name is not None:
                results[name] = result
    return results


def _read_line(batcher: Any, line: str) -> tuple[str | None, Any]:
    try:
        values = json.loads(line)
        name = values.get("custom_id") or values.get("key")
    except (ValueError, AttributeError, RecursionError):
        found = _NAME.search(line)
        return (found.group(1) if found else None), unreadable_line(f"it is cut or no JSON ({line[:60]!r})")
    if not isinstance(name, str):
        return None, None
    try:
        error = _error_of(values)
        return name, error if error is not None else _answer_of(batcher, values)
    except (Explained, OddAnswer) as odd:
        return name, unreadable_line(str(odd))
    except Exception as error:
        return name, unreadable_line(shorten(f"{type(error).__name__}: {error}"))


def _error_of(values: JsonObject) -> Exception | None:
    """Return the error that stands in the place of an answer; it costs nothing."""
    response = values.get("response")
    status = response.get("status_code") if isinstance(response, dict) else None
    error = values.get("error")
    if error is None and isinstance(status, int) and status >= 400:
        body = response.get("body") if isinstance(response, dict) else None
        error = (body.get("error") if isinstance(body, dict) else body) or f"status {status}"
    if error is None:
        return None
    words = error.get("message") or error.get("code") if isinstance(error, dict) else error
    code = error.get("code") if isinstance(error, dict) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else status
    if isinstance(status, int) and status >= 400:
        return OddAnswer(f"the batch answered this row with an error: {words}", status)
    return Explained(Failure(f"the batch answered this row with an error: {shorten(str(words))}"))


def _answer_of(batcher: Any, values: JsonObject) -> Any:
    """Return an answer as the model layer takes it, odd fields set right."""
    kind = getattr(batcher, "_response_cls", None)
    if kind is None:  # Google's
        if isinstance(values.get("response"), dict):
            values = {**values, "response": json.loads(mend_gemini(json.dumps(values["response"])))}
        return batcher._parse_jsonl_line(values)[1]
    from openai._models import construct_type

    answer = construct_type(type_=kind, value=values["response"]["body"])
    return mend_chat(answer) if kind.__name__ == "ChatCompletion" else mend_response(answer)


async def delete_files(batcher: Any, batch_id: str, info: Any, given: str | None) -> str | None:
    """Delete what a batch that has ended was given and has left; return why something may still be there.

    Parameters
    ----------
    batcher : Batcher
        Of the model layer.
    batch_id : str
        The batch.
    info : Any
        What the model layer reads of its end: where its results are.
    given : str or None
        The file with the requests, where this process made the batch.
    """
    try:
        if type(batcher).__name__ == "GoogleBatcher":  # a file of another process's is gone after two days
            for name in filter(None, (given, info)):
                await batcher._client.aio.files.delete(name=name)
        elif hasattr(batcher, "_openai_client") and type(batcher).__name__ == "OpenAIBatcher":
            batch = await batcher._openai_client.batches.retrieve(batch_id)
            for name in filter(None, (batch.input_file_id, batch.output_file_id, batch.error_file_id)):
                await batcher._openai_client.files.delete(name)
    except Exception as error:
        return None if status_of(error) == 404 else reason_of(error)
    return None

"""Batches at a provider that outlive this process: which rows travel in which batch is on the disk once a batch is made.

The model layer of inspect_ai gathers calls into batches and waits for them, up to a day, but remembers them in memory
only, and some ends of a batch leave it waiting for ever. Here a row's name in the batch is its call's key, the ledger
keeps the batch's id, and a later process asks for the same batch instead of paying for another one. A creation is tried
once; where it gets no clear answer, the batch is looked for by its file, and is repeated once at most.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Awaitable, Callable, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from tunecurve.learners.hosted.ledger.calls import Ledger
from tunecurve.learners.hosted.transport.batch_files import delete_files, read_results
from tunecurve.learners.hosted.transport.failures import plain_reason, shorten, status_of
from tunecurve.learners.hosted.transport.gateway import Failure
from tunecurve.learners.hosted.transport.inspect_parts import batch_layer
from tunecurve.learners.hosted.transport.odd_answers import Explained
from tunecurve.learners.hosted.transport.rest import JsonObject

# When a batch is looked for whose creation got no clear answer: seconds after it, and after the look before.
LOOKS_AFTER_SECONDS = (0.5, 2.0, 5.0)
_Asked = Callable[..., Awaitable[Any]]  # a method of the model layer's batcher, as it was
_current: contextvars.ContextVar[tuple[BatchBook, str] | None] = contextvars.ContextVar("call in a batch", default=None)


class BatchBroken(ConnectionError):
    """A batch ended without this row's answer; asking again may go well."""


class _CreationFailed(Exception):
    """No batch was made; the rows have been told."""


class BatchBook:
    """Leads the batches of one gateway; their files hold prompts and answers, and are deleted unless kept."""

    def __init__(self, ledger: Ledger, on_message: Callable[[str], None], *, keeps_files: bool = False) -> None:
        self.ledger, self._on_message, self._last_said, self._keeps_files = ledger, on_message, "", keeps_files
        self._files_of: dict[str, str] = {}
        self._ended: list[tuple[Any, str, Any]] = []
        self._led: list[Any] = []
        self._n_unclear, self._last_trouble = 0, ""
        _take_over()

    @contextmanager
    def row(self, key: str) -> Any:
        """Make the call within this block travel under `key`."""
        token = _current.set((self, key))
        try:
            yield
        finally:
            _current.reset(token)

    async def generate(self, batcher: Any, request: JsonObject, key: str) -> Any:
        """Return the answer to a request: from the batch it has travelled in before, else from a new one."""
        import anyio

        layer = batch_layer()
        if not any(batcher is known for known in self._led):
            self._led.append(batcher)
            self._lead(batcher)
        send, receive = anyio.create_memory_object_stream[Any](1)
        row = layer.BatchRequest(request=_without_request_id(request), result_stream=send, custom_id=key)
        batch_id = self.ledger.batch_of(key)
        if batch_id is None:
            batcher._intake_queue.append(row)
        else:
            # A batch whose results are being handed out takes no more rows; it is asked for once more afterwards.
            while getattr(batcher._inflight_batches.get(batch_id), "is_sealed", False):
                await asyncio.sleep(0.05)
            batcher._inflight_batches.setdefault(batch_id, layer.Batch(id=batch_id, requests={})).requests[key] = row
        if not batcher._is_batch_worker_running:
            batcher._is_batch_worker_running = True
            layer.run_in_background(batcher._batch_worker)
        result = await receive.receive()
        if isinstance(result, Exception):
            raise result
        return result

    def _lead(self, batcher: Any) -> None:
        """Lay our rules over one batcher: one attempt at a creation, the id on the disk, every end told to every row."""
        work, adapt, last_status = batcher._batch_worker, getattr(batcher, "_adapt_batch_info", None), {}

        def noticing(info: Any) -> Any:
            """Keep the status as the provider tells it: what the layer makes of it has none."""
            last_status[info.id] = info.status
            return adapt(info) if adapt is not None else info

        async def work_on() -> None:
            """Go on after a creation that failed: its rows have been told."""
            while True:
                try:
                    return await work()
                except _CreationFailed:
                    continue

        if type(batcher).__name__ == "AnthropicBatcher":
            _take_results_from_its_own_address(batcher._client)
        if hasattr(batcher, "_submit_batch_for_file"):
            batcher._submit_batch_for_file = _finding_again(batcher, self._files_of)
            batcher._parse_result_file = functools.partial(_read_result_file, batcher)
        batcher._batch_worker = work_on
        batcher._wrapped_create_batch = functools.partial(self._create_once, batcher, batcher._create_batch)
        batcher._check_batch = functools.partial(self._check_for_an_end, batcher, batcher._check_batch, last_status)
        batcher._handle_batch_result = functools.partial(self._handle_all_rows, batcher, batcher._handle_batch_result)
        if adapt is not None:
            batcher._adapt_batch_info = noticing
        batcher._print_aggregate_status = lambda: self._tell(list(batcher._inflight_batches.values()))

    async def _create_once(self, batcher: Any, create: _Asked, rows: list[Any]) -> str:
        """Make a batch, and return once its id is on the disk; where that fails, its rows are told."""
        try:
            batch_id = str(await create(rows))
        except Exception as error:
            await batcher._fail_all_requests("", rows, self._as_told(error, len(rows)))
            raise _CreationFailed from error
        future = asyncio.get_running_loop().create_future()
        await self.ledger.remember_batch(batch_id, [row.custom_id for row in rows], future)
        return batch_id

    async def _check_for_an_end(self, batcher: Any, check: _Asked, last_status: Mapping[str, str], batch: Any) -> Any:
        """Look at a batch; where it is gone, or has ended without results, its rows are told."""
        try:
            result = await check(batch)
        except Exception as error:
            if status_of(error) not in (404, 410):
                self._tell_trouble(batch.id, error)
                raise
            lost = Failure(f"batch {batch.id} is not at the provider any more", may_be_billed=True)
            await batcher._fail_and_cleanup_inflight_batch("", batch, Explained(lost))
            return batch_layer().BatchCheckResult(0, 0, batch.created_at, None)
        is_over = last_status.get(batch.id) in ("completed", "cancelled", "expired")
        # Google's says of a batch that failed, was cancelled or expired only that all of its rows failed.
        is_over |= type(batcher).__name__ == "GoogleBatcher" and result.failed_count > 0
        if result.completion_info is None and is_over and batch.id in batcher._inflight_batches:
            ended = BatchBroken(f"batch {batch.id} ended without results")
            await batcher._fail_and_cleanup_inflight_batch("", batch, ended)
        return result

    async def _handle_all_rows(self, batcher: Any, handle: _Asked, batch: Any, info: Any) -> JsonObject:
        """Return what every row of a batch is told, those that its results leave out too."""
        try:
            results = await handle(batch, info)
        except Exception as error:
            raise _results_not_had(batch.id, error) from None
        batch.is_sealed = True
        self._ended.append((batcher, batch.id, info))
        missing = BatchBroken(f"batch {batch.id} has no answer to this row")
        return {key: results.get(key, missing) for key in batch.requests}

    def _as_told(self, error: Exception, n_rows: int) -> Exception:
        """Return what the rows of a batch that was not made, or was not found, are told; a second one in doubt is the last."""
        if not _is_unclear(error):
            return error
        self._n_unclear += 1
        if self._n_unclear < 2:
            return error
        return Explained(
            Failure(
                f"two creations of a batch got no clear answer (last: {shorten(str(error))}), and no such batch is in the "
                f"provider's list; {n_rows} rows stay booked as in doubt for each. Look there before the same command asks again",
                is_fatal=True,
                may_be_billed=True,
            )
        )

    def _tell_trouble(self, batch_id: str, error: Exception) -> None:
        line = f"batch {batch_id} cannot be asked about, which is tried again: {plain_reason(error)}; Ctrl-C leaves it running there"
        if line != self._last_trouble:
            self._last_trouble = line
            self._on_message(line)

    async def clean_up(self) -> None:
        """Delete the files of every batch whose answers are all on the disk; what hinders it is told."""
        for batcher, batch_id, info in () if self._keeps_files else self._ended:
            if not self.ledger.has_rows_in(batch_id):
                reason = await delete_files(batcher, batch_id, info, self._files_of.get(batch_id))
                if reason is not None:
                    self._on_message(
                        f"files of batch {batch_id}, which hold prompts and answers, may still be at the provider: {reason}"
                    )

    def _tell(self, batches: list[Any]) -> None:
        n_rows = sum(len(batch.requests) for batch in batches)
        names = ", ".join(batch.id for batch in batches)
        line = f"{n_rows} rows wait for batch {names} at the provider, up to a day; Ctrl-C leaves it running there"
        if batches and line != self._last_said:
            self._last_said = line
            self._on_message(line)


def _take_results_from_its_own_address(client: Any) -> None:
    """Ask for a batch's results where everything else is asked for, not at the whole address within the batch: behind a
    gateway that leads around it, and it would take the key along."""
    batches = client.messages.batches
    retrieve = batches.retrieve
    if getattr(retrieve, "is_ours", False):
        return

    async def retrieve_from_here(*arguments: Any, **named: Any) -> Any:
        told = await retrieve(*arguments, **named)
        if told.results_url:
            told.results_url = f"/v1/messages/batches/{quote(told.id, safe='')}/results"
        return told

    setattr(retrieve_from_here, "is_ours", True)  # noqa: B010
    batches.retrieve = retrieve_from_here


def _results_not_had(batch_id: str, error: Exception) -> Exception:
    """Return what the rows of a batch are told that has ended, and is billed, and whose results cannot be had."""
    is_lasting = not _is_unclear(error) and status_of(error) not in (408, 409, 425, 429)
    reason = f"the results of batch {batch_id} cannot be had: {plain_reason(error)}"
    return Explained(Failure(reason, is_fatal=is_lasting, may_be_billed=True))


def _is_unclear(error: Exception) -> bool:
    """Return whether a batch may have been made although its creation failed."""
    status = status_of(error)
    return status is None or status >= 500


def _finding_again(batcher: Any, files_of: dict[str, str]) -> Callable[[str, dict[str, str]], Any]:
    """Return the creation of a batch from its file, which looks for the batch where no clear answer comes."""
    submit = _submit_to_google if type(batcher).__name__ == "GoogleBatcher" else type(batcher)._submit_batch_for_file

    async def submit_or_find(file_id: str, headers: dict[str, str]) -> str:
        """Return the batch's id: as answered, or found by its file; raise what the creation failed with."""
        try:
            batch_id = str(await submit(batcher, file_id, headers) or "")
            error: Exception = ConnectionError("the provider answered without the batch's id")
        except Exception as raised:
            if not _is_unclear(raised):
                raise
            batch_id, error = "", raised
        for seconds in () if batch_id else LOOKS_AFTER_SECONDS:
            await asyncio.sleep(seconds)
            batch_id = await _batch_from(batcher, file_id) or ""
            if batch_id:
                break
        if not batch_id:
            raise error
        files_of[batch_id] = file_id
        return batch_id

    return submit_or_find


async def _submit_to_google(batcher: Any, file_id: str, headers: dict[str, str]) -> str | None:
    """Make a batch that carries its file's name, by which it can be found: Google's list does not tell the file."""
    from google.genai.types import CreateBatchJobConfig, HttpOptions

    config = CreateBatchJobConfig(display_name=_shown_as(file_id), http_options=HttpOptions(headers=headers or None))
    job = await batcher._client.aio.batches.create(model=batcher._model_name, src=file_id, config=config)
    return str(job.name) if job.name else None


def _shown_as(file_id: str) -> str:
    return f"tunecurve-{file_id.rsplit('/', 1)[-1]}"


async def _batch_from(batcher: Any, file_id: str) -> str | None:
    """Return the batch that was made from a file, None where the provider's list has none or cannot be had."""
    try:
        if type(batcher).__name__ == "GoogleBatcher":
            pages = await batcher._client.aio.batches.list(config={"page_size": 100})
            names = [job.name async for job in pages if job.display_name == _shown_as(file_id)]
        else:
            pages = await batcher._openai_client.batches.list(limit=100)
            names = [batch.id for batch in pages.data if batch.input_file_id == file_id]
    except Exception:
        return None
    return str(names[0]) if names else None


async def _read_result_file(batcher: Any, uri: str) -> JsonObject:
    return read_results(batcher, await batcher._download_result_file(uri))


def _without_request_id(request: JsonObject) -> JsonObject:
    """Return the request without the header that would replace the row's name."""
    headers = request.get("extra_headers")
    if not headers:
        return request
    kept = {name: value for name, value in headers.items() if name.lower() != batch_layer().request_id_header}
    return {**request, "extra_headers": kept}


def _take_over() -> None:
    """Send the model layer's batched calls through the book of whoever makes them; other calls go on as before."""
    layer = batch_layer()
    if getattr(layer.Batcher.generate_for_request, "is_ours", False):
        return
    original = layer.Batcher.generate_for_request

    async def generate_for_request(batcher: Any, request: JsonObject) -> Any:
        current = _current.get()
        if current is None:
            return await original(batcher, request)
        return await current[0].generate(batcher, request, current[1])

    setattr(generate_for_request, "is_ours", True)  # noqa: B010
    setattr(layer.Batcher, "generate_for_request", generate_for_request)  # noqa: B010
    layer.set_log(lambda _: None)  # it would print to standard output

"""A server on this machine that speaks the providers' wire protocols, so that tests drive the real SDKs.

Covered: Gemini's generateContent (developer API and Vertex AI) and batches, Vertex AI tuning jobs, Cloud Storage uploads,
OpenAI's chat completions, files and fine-tuning jobs. Standard library only.

    python provider_server.py [--port 0] [--polls 2] [--delay 0] [--storm SEED]     prints its address

The base model copies the last user turn, masking nothing. A tuned model masks what its training file masked, so that a
learning curve rises. Faults are asked for by marks in a row's text: [[429x2]], [[500x1]], [[sleep:2.5]], [[close]],
[[echo500]], [[block:prompt]], [[block:candidate]], [[refuse]], [[empty]], [[maxtokens]], [[noparts]], [[badjson]].
`--storm` adds random ones. GET /__stats tells what was asked and answered.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import random
import re
import socket
import struct
import threading
import time
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

MARK = re.compile(r"\[\[[^\]]*\]\]")
GOOD_KEY = "canary-key-5f0d7a"
PLACEHOLDER = re.compile(r"\[[A-Z]+\]")


class State:
    """Everything the server remembers."""

    def __init__(self, polls=2, delay=0.0, storm=None, concurrent_jobs=10**9):
        self.lock = threading.Lock()
        self.polls, self.delay = polls, delay
        self.storm = random.Random(storm) if storm is not None else None
        self.concurrent_jobs = concurrent_jobs
        self.jobs, self.files, self.blobs, self.batches, self.masks = {}, {}, {}, {}, {}
        self.faults = defaultdict(int)
        self.attempts, self.answers, self.storms, self.creates = Counter(), Counter(), Counter(), Counter()
        self.in_flight = self.most_in_flight = self.number = 0
        self.outage = self.drops_metadata = False
        # A batch's creation is answered 500: of the first so many, made or not, listed or not; a result file is spoilt.
        self.batches_made_unseen = self.batches_not_made = 0
        self.first_batch = {}  # what is set of the first batch when it is made, such as its status by force
        self.first_batch_looks = []  # statuses with which the first looks at the first batch are answered
        self.hides_batches, self.spoil = False, lambda content: content
        self.requests = []

    def next_number(self):
        with self.lock:
            self.number += 1
            return self.number


def tokens(text):
    return max(1, len(text) // 4)


def training_tokens(line):
    """Count the texts of a training row, not the JSON around them."""

    def texts(value):
        if isinstance(value, dict):
            return sum(texts(item) for key, item in value.items() if key != "role")
        return sum(map(texts, value)) if isinstance(value, list) else tokens(value)

    return texts(json.loads(line))


def prompt_hash(model, text):
    return hashlib.sha1(f"{model}\n{text}".encode()).hexdigest()


def learned_masks(lines):
    """Return {value: placeholder} from training rows: what stood where the target has a placeholder."""
    masks = {}
    for source, target in lines:
        pieces = re.split(r"(\[[A-Z]+\])", target)
        pattern = "".join("(.+?)" if PLACEHOLDER.fullmatch(piece) else re.escape(piece) for piece in pieces)
        found = re.fullmatch(pattern, source, re.DOTALL)
        labels = [piece for piece in pieces if PLACEHOLDER.fullmatch(piece)]
        if found:
            masks.update(zip(found.groups(), labels, strict=True))
    return masks


class Handler(BaseHTTPRequestHandler):
    server: Any
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    @property
    def state(self):
        return self.server.state

    def read_body(self):
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def send(self, value=None, code=200, headers=(), raw=None, kind="application/json"):
        data = raw if raw is not None else json.dumps(value).encode()
        lines = [f"HTTP/1.1 {code} X", f"Content-Type: {kind}", f"Content-Length: {len(data)}"]
        lines += [f"{name}: {content}" for name, content in headers]
        self.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    def fail(self, code, message, style, headers=()):
        status = {429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE", 404: "NOT_FOUND", 401: "UNAUTHENTICATED"}
        if style == "google":
            error = {"code": code, "message": message, "status": status.get(code, "INTERNAL")}
        else:
            error = {"message": message, "type": "server_error", "param": None, "code": None}
        self.send({"error": error}, code, headers)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def route(self):
        address = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        raw = self.read_body()
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            body = {}
        if self.state.outage:
            return self.fail(503, "down for a while", "google" if "/projects/" in address.path else "openai")
        for pattern, function in ROUTES:
            found = re.fullmatch(pattern, f"{self.command} {address.path}")
            if found:
                return function(self, found, query, body, raw)
        return self.fail(404, f"no route for {self.command} {address.path}", "google")

    do_GET = do_POST = do_PUT = do_DELETE = route

    def fault(self, text, style):
        """Answer with the fault that the text asks for, or a stormy one; return whether there was one."""
        key = self.headers.get("x-goog-api-key") or (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if key.startswith("bad"):
            self.fail(401, f"API key not valid: {key}", style)
            return True
        found = re.search(r"\[\[sleep:([\d.]+)\]\]", text)
        if found:
            time.sleep(float(found.group(1)))
        if "[[close]]" in text:
            self.reset()
            return True
        if "[[badjson]]" in text:
            self.send(raw=b'{"choices": [')
            return True
        if "[[echo500]]" in text:
            self.fail(500, f"internal error for headers {dict(self.headers)}", style)
            return True
        found = re.search(r"\[\[(\d{3})x(\d+)\]\]", text)
        if found:
            with self.state.lock:
                self.state.faults[text] += 1
                count = self.state.faults[text]
            if count <= int(found.group(2)):
                self.fail(int(found.group(1)), f"injected {count}", style, [("Retry-After", "0.3")])
                return True
        return self.storm(style)

    def storm(self, style):
        state = self.state
        if state.storm is None:
            return False
        with state.lock:
            draw, second = state.storm.random(), state.storm.random()
        names = [(0.15, "429"), (0.30, "429 with a wait"), (0.50, "5xx"), (0.55, "timeout"), (0.60, "reset")]
        names.append((0.65, "broken JSON"))
        kind = next((name for bound, name in names if draw < bound), None)
        if kind is None:
            return False
        with state.lock:
            state.storms[kind] += 1
        if kind.startswith("429"):
            self.fail(429, "slow down", style, [("Retry-After", "0.1")] if "wait" in kind else [])
        elif kind == "5xx":
            self.fail(500 + int(second * 4), "oops", style)
        elif kind == "timeout":
            time.sleep(3.0)
            self.reset()
        elif kind == "reset":
            self.reset()
        else:
            self.send(raw=b'{"candidates": [{"cont')
        return True

    def empty_by_storm(self):
        state = self.state
        if state.storm is None:
            return False
        with state.lock:
            is_empty = state.storm.random() < 0.02 / 0.35
            state.storms["empty"] += is_empty
        return is_empty


def model_text(state, model, text):
    """The model: copies the last user turn; a tuned one masks what it has seen."""
    text = MARK.sub("", text)
    for value, label in sorted(state.masks.get(model, {}).items(), key=lambda item: (-len(item[0]), item[0])):
        text = text.replace(value, label)
    return text


def generation(function):
    """Count a generation, wait as long as a model takes, and remember how many were in flight."""

    def counted(handler, found, query, body, raw):
        state = handler.state
        with state.lock:
            state.in_flight += 1
            state.most_in_flight = max(state.most_in_flight, state.in_flight)
        try:
            if state.delay:
                time.sleep(state.delay)
            return function(handler, found, query, body, raw)
        finally:
            with state.lock:
                state.in_flight -= 1

    return counted


# Gemini


def gemini_texts(body):
    return [part["text"] for turn in body.get("contents") or [] for part in turn.get("parts") or [] if "text" in part]


def gemini_response(state, body, model, texts):
    system = "".join(part.get("text", "") for part in (body.get("systemInstruction") or {}).get("parts", []))
    whole, last = "\n".join(texts), texts[-1]
    usage = {"promptTokenCount": tokens(whole + system)}
    result = {"usageMetadata": usage, "modelVersion": f"{model.rsplit('/', 1)[-1]}-001", "responseId": "r"}
    if "[[block:prompt]]" in whole:
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **result}
    candidate = {"index": 0, "finishReason": "STOP"}
    text = model_text(state, model, last)
    if "[[block:candidate]]" in whole:
        rating = {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}
        candidate |= {"finishReason": "SAFETY", "safetyRatings": [rating]}
        text = ""
    elif "[[noparts]]" in whole:
        candidate["content"], text = {"role": "model"}, ""
    elif "[[empty]]" in whole:
        candidate["content"], text = {"role": "model", "parts": [{"text": ""}]}, ""
    elif "[[maxtokens]]" in whole:
        candidate |= {"finishReason": "MAX_TOKENS", "content": {"role": "model"}}
        usage["thoughtsTokenCount"], text = 60, ""
    else:
        candidate["content"] = {"role": "model", "parts": [{"text": text}]}
    usage["candidatesTokenCount"] = tokens(text) if text else 0
    usage["totalTokenCount"] = usage["promptTokenCount"] + usage["candidatesTokenCount"]
    return {"candidates": [candidate], **result}


@generation
def gemini_generate(handler, found, query, body, raw):
    state, model, texts = handler.state, found["model"], gemini_texts(body)
    whole = "\n".join(texts)
    with state.lock:
        state.attempts[prompt_hash(model, whole)] += 1
        state.requests.append(body.get("generationConfig"))
    if handler.fault(whole, "google"):
        return
    if "/endpoints/" in model and model not in state.masks:
        return handler.fail(404, f"Endpoint `{model}` not found.", "google")
    if handler.empty_by_storm():
        texts = [texts[-1] + "[[empty]]"]
    response = gemini_response(state, body, model, texts)
    with state.lock:
        state.answers[prompt_hash(model, whole)] += 1
    handler.send(response)


def is_lost(handler, style, make):
    """Answer a batch's creation with 500, the batch made or not, if that is asked for; return whether it was."""
    state = handler.state
    with state.lock:
        is_made, is_unmade = state.batches_made_unseen > 0, state.batches_not_made > 0
        state.batches_made_unseen -= is_made
        state.batches_not_made -= is_unmade and not is_made
    if is_made:
        make()
    if is_made or is_unmade:
        handler.fail(500, "internal error", style)
    return is_made or is_unmade


def batch_create(handler, found, query, body, raw):
    name = f"batches/b{handler.state.next_number()}"

    def make():
        made = {"polls": 0, "model": found["model"], "batch": body.get("batch", {})}
        handler.state.batches[name] = made if handler.state.batches else made | handler.state.first_batch

    if not is_lost(handler, "google", make):
        make()
        handler.send(batch_view(handler.state, name))


def batch_list(handler, found, query, body, raw):
    names = [name for name in handler.state.batches if name.startswith("batches/")]
    shown = [] if handler.state.hides_batches else names
    handler.send({"operations": [batch_view(handler.state, name) for name in shown]})


def batch_view(state, name):
    row = state.batches[name]
    done = row["polls"] >= state.polls
    status = row.get("force") or ("BATCH_STATE_SUCCEEDED" if done else "BATCH_STATE_RUNNING")
    done = done and not row.get("force")
    shown_as = row["batch"].get("displayName") or row["batch"].get("display_name")
    meta = {"model": row["model"], "displayName": shown_as, "state": status, "name": name}
    meta |= {"createTime": "2026-01-01T00:00:00Z", "updateTime": "2026-01-01T00:00:00Z"}
    out = {"name": name, "metadata": meta}
    if done and "output" not in row:
        given = row["batch"]["inputConfig"]
        lines = [json.loads(line) for line in state.files[given["fileName"]].decode().splitlines() if line]
        output = f"files/out{state.next_number()}"
        answers = []
        for line in lines:
            texts = gemini_texts(line["request"])
            response = gemini_response(state, line["request"], row["model"], texts)
            state.answers[prompt_hash(row["model"], "\n".join(texts))] += 1
            answers.append({"key": line["key"], "response": response})
        state.files[output] = state.spoil("\n".join(json.dumps(answer) for answer in answers).encode())
        row["output"] = output
    if done:
        meta["output"] = {"responsesFile": row["output"]}
        meta["endTime"] = "2026-01-01T00:00:00Z"
        out |= {"done": True, "response": meta["output"]}
    return out


def refuses_batch(handler, name, style):
    """Answer a look at a batch as `first_batch_looks` says, if it says so; return whether it did."""
    looks = handler.state.first_batch_looks
    code = looks.pop(0) if looks and name == next(iter(handler.state.batches)) else None
    if code:
        handler.fail(code, "no such batch" if code == 404 else "not now", style)
    return bool(code)


def batch_get(handler, found, query, body, raw):
    name = "batches/" + found["id"]
    if refuses_batch(handler, name, "google"):
        return
    handler.state.batches[name]["polls"] += 1
    handler.send(batch_view(handler.state, name))


def gemini_file_start(handler, found, query, body, raw):
    name = f"files/f{handler.state.next_number()}"
    handler.state.files[name] = b""
    place = f"http://{handler.headers['Host']}/upload/session/{name}"
    handler.send({}, headers=[("X-Goog-Upload-URL", place), ("X-Goog-Upload-Status", "active")])


def gemini_file_put(handler, found, query, body, raw):
    handler.state.files[found["name"]] += raw
    final = "finalize" in (handler.headers.get("X-Goog-Upload-Command") or "")
    file = {"name": found["name"], "mimeType": "text/plain", "state": "ACTIVE", "uri": "u", "sizeBytes": "1"}
    handler.send({"file": file}, headers=[("X-Goog-Upload-Status", "final" if final else "active")])


def gemini_file_download(handler, found, query, body, raw):
    handler.send(raw=handler.state.files["files/" + found["id"]], kind="application/octet-stream")


# Vertex AI tuning and Cloud Storage


def vertex_create(handler, found, query, body, raw):
    state, scope = handler.state, found["scope"]
    with state.lock:
        running = [job for job in state.jobs.values() if job["polls"] < state.polls and not job.get("force")]
        if len(running) >= state.concurrent_jobs:
            too_many = True
        else:
            too_many = False
            state.number += 1
            name = f"{scope}tuningJobs/{1000 + state.number}"
            state.jobs[name] = {"kind": "vertex", "request": body, "polls": 0, "scope": scope, "number": state.number}
            state.creates[(body.get("labels") or {}).get("tunecurve-key")] += 1
    if too_many:
        return handler.fail(429, "one tuning job at a time", "google")
    if "[[create-dies]]" in (body.get("tunedModelDisplayName") or "") or state.delay:
        time.sleep(state.delay)
    return handler.send(vertex_view(state, name))


def vertex_view(state, name):
    job = state.jobs[name]
    request = job["request"]
    spec = request.get("supervisedTuningSpec") or {}
    status = job.get("force") or (
        "JOB_STATE_PENDING" if job["polls"] == 0 else
        "JOB_STATE_RUNNING" if job["polls"] < state.polls else
        "JOB_STATE_FAILED" if job.get("fails") else "JOB_STATE_SUCCEEDED"
    )  # fmt: skip
    view = {"name": name, "createTime": "2026-01-01T00:00:00Z", "state": status, "baseModel": request.get("baseModel")}
    view |= {"supervisedTuningSpec": spec, "labels": request.get("labels")}
    if status == "JOB_STATE_FAILED":
        view["error"] = {"code": 3, "message": "Dataset has an invalid example at line 3"}
    if status == "JOB_STATE_SUCCEEDED":
        # The tuned endpoint answers in the multi-region, whatever region tuned it.
        scope = re.sub(r"locations/us-[^/]+/", "locations/us/", job["scope"])
        epochs = int((spec.get("hyperParameters") or {}).get("epochCount") or 2)
        endpoints = [f"{scope}endpoints/{job['number']}0{epoch}" for epoch in range(1, epochs + 1)]
        name = spec["trainingDatasetUri"].removeprefix("gs://")
        text = job.setdefault("text", state.blobs.get(name, b"").decode())  # the file may be deleted afterwards
        rows = [json.loads(line)["contents"] for line in text.splitlines()]
        pairs = [(row[0]["parts"][0]["text"], row[-1]["parts"][0]["text"]) for row in rows]
        for number, endpoint in enumerate(endpoints, 1):
            state.masks.setdefault(endpoint, learned_masks(pairs[: len(pairs) * number // epochs]))
        points = [{"epoch": str(n), "endpoint": endpoint} for n, endpoint in enumerate(endpoints, 1)]
        view["tunedModel"] = {"model": f"{scope}models/1@1", "endpoint": endpoints[-1], "checkpoints": points}
        billable = epochs * sum(training_tokens(line) for line in text.splitlines())
        stats = {"totalBillableTokenCount": str(billable), "tuningStepCount": "20"}
        view["tuningDataStats"] = {"supervisedTuningDataStats": stats}
    return view


def vertex_get(handler, found, query, body, raw):
    name = found["name"]
    if name not in handler.state.jobs:
        return handler.fail(404, f"TuningJob {name} not found", "google")
    handler.state.jobs[name]["polls"] += 1
    return handler.send(vertex_view(handler.state, name))


def vertex_list(handler, found, query, body, raw):
    state = handler.state
    names = [name for name in state.jobs if name.startswith(found["scope"])][::-1]
    size, start = int(query.get("pageSize", 100)), int(query.get("pageToken") or 0)
    page: dict[str, Any] = {"tuningJobs": [vertex_view(state, name) for name in names[start : start + size]]}
    if start + size < len(names):
        page["nextPageToken"] = str(start + size)
    handler.send(page)


def vertex_cancel(handler, found, query, body, raw):
    handler.state.jobs[found["name"]]["force"] = "JOB_STATE_CANCELLED"
    handler.send({})


def storage_upload(handler, found, query, body, raw):
    name = query.get("name")
    if query.get("uploadType") == "multipart":
        boundary = re.search(r'boundary="?([^";]+)"?', handler.headers["Content-Type"]).group(1).encode()
        parts = raw.split(b"--" + boundary)
        meta = json.loads(parts[1].split(b"\r\n\r\n", 1)[1])
        name = name or meta["name"]
        raw = parts[2].split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n", 1)[0]
    handler.state.blobs[f"{found['bucket']}/{name}"] = raw
    digest = base64.b64encode(hashlib.md5(raw).digest()).decode()
    handler.send(
        {"kind": "storage#object", "name": name, "bucket": found["bucket"], "size": str(len(raw)), "md5Hash": digest}
    )


# OpenAI


@generation
def openai_chat(handler, found, query, body, raw):
    state, model = handler.state, body["model"]
    contents = [turn["content"] for turn in body["messages"]]
    contents = [text if isinstance(text, str) else "".join(part.get("text", "") for part in text) for text in contents]
    whole = "\n".join(contents)
    with state.lock:
        state.attempts[prompt_hash(model, whole)] += 1
        state.requests.append({key: value for key, value in body.items() if key != "messages"})
    if handler.fault(whole, "openai"):
        return
    text, finish = model_text(state, model, contents[-1]), "stop"
    message = {"role": "assistant", "content": text, "refusal": None}
    if "[[block:prompt]]" in whole:
        error = {"code": "content_filter", "message": "The response was filtered", "type": None, "param": "prompt"}
        return handler.send({"error": error}, 400)
    if "[[block:candidate]]" in whole:
        finish, message["content"] = "content_filter", ""
    if "[[refuse]]" in whole:
        message |= {"content": None, "refusal": "I cannot help with that."}
    if "[[empty]]" in whole or handler.empty_by_storm():
        message["content"] = ""
    if "[[maxtokens]]" in whole:
        finish = "length"
    with state.lock:
        state.answers[prompt_hash(model, whole)] += 1
    usage = {"prompt_tokens": tokens(whole), "completion_tokens": tokens(text)}
    usage["total_tokens"] = sum(usage.values())
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    handler.send(
        {"id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage}
    )


def openai_batch_create(handler, found, query, body, raw):
    name = f"batch_{handler.state.next_number()}"

    def make():
        made = {"polls": 0, "request": body}
        handler.state.batches[name] = made if handler.state.batches else made | handler.state.first_batch

    if not is_lost(handler, "openai", make):
        make()
        handler.send(openai_batch_view(handler.state, name))


def openai_batch_list(handler, found, query, body, raw):
    names = [name for name in handler.state.batches if name.startswith("batch_")][::-1]
    views = [] if handler.state.hides_batches else [openai_batch_view(handler.state, name) for name in names]
    handler.send({"object": "list", "data": views, "has_more": False})


def openai_batch_view(state, name):
    row = state.batches[name]
    status = row.get("force") or ("completed" if row["polls"] >= state.polls else "in_progress")
    view = {"id": name, "object": "batch", "endpoint": row["request"]["endpoint"], "completion_window": "24h"}
    view |= {"created_at": 1, "input_file_id": row["request"]["input_file_id"], "status": status}
    if status == "completed" and "output" not in row:
        lines = [json.loads(line) for line in state.files[row["request"]["input_file_id"]].decode().splitlines()]
        answers = []
        for line in lines:
            contents = [turn["content"] for turn in line["body"]["messages"]]
            model, text = line["body"]["model"], model_text(state, line["body"]["model"], contents[-1])
            state.answers[prompt_hash(model, "\n".join(contents))] += 1
            usage = {"prompt_tokens": tokens("\n".join(contents)), "completion_tokens": tokens(text)}
            usage["total_tokens"] = sum(usage.values())
            message = {"role": "assistant", "content": text, "refusal": None}
            choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
            answer = {"id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": [choice]}
            response = {"status_code": 200, "request_id": "r", "body": {**answer, "usage": usage}}
            if "[[unanswered]]" not in contents[-1]:
                answers.append({"id": "b", "custom_id": line["custom_id"], "response": response, "error": None})
        row["output"] = f"file-out{state.next_number()}"
        state.files[row["output"]] = state.spoil("\n".join(json.dumps(answer) for answer in answers).encode())
    return {**view, "output_file_id": row.get("output")}


def openai_batch_get(handler, found, query, body, raw):
    if refuses_batch(handler, found["id"], "openai"):
        return
    handler.state.batches[found["id"]]["polls"] += 1
    handler.send(openai_batch_view(handler.state, found["id"]))


def any_batch_list(handler, found, query, body, raw):
    """Both formats have the same path."""
    lists = batch_list if handler.headers.get("x-goog-api-key") else openai_batch_list
    lists(handler, found, query, body, raw)


def openai_file_content(handler, found, query, body, raw):
    handler.send(raw=handler.state.files[found["id"]], kind="application/octet-stream")


def openai_file(handler, found, query, body, raw):
    boundary = re.search(r'boundary="?([^";]+)"?', handler.headers["Content-Type"]).group(1).encode()
    data = next(
        p.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n", 1)[0] for p in raw.split(b"--" + boundary) if b'name="file"' in p
    )
    name = f"file-{handler.state.next_number()}"
    handler.state.files[name] = data
    view = {"id": name, "object": "file", "bytes": len(data), "created_at": 1, "filename": "x", "purpose": "fine-tune"}
    handler.send({**view, "status": "processed"})


def openai_file_delete(handler, found, query, body, raw):
    files = handler.state.files
    if files.pop(found["id"], None) is None and files.pop("files/" + found["id"], None) is None:
        return handler.fail(404, "no such file", "openai")
    return handler.send({"id": found["id"], "object": "file", "deleted": True})


def storage_delete(handler, found, query, body, raw):
    name = f"{found['bucket']}/{unquote(found['name'])}"
    if handler.state.blobs.pop(name, None) is None:
        return handler.fail(404, "no such object", "google")
    return handler.send(code=204, raw=b"")


def openai_job_create(handler, found, query, body, raw):
    state = handler.state
    if "untunable" in body["model"]:
        return handler.fail(403, "model cannot be fine-tuned", "openai")
    name = f"ftjob-{state.next_number()}"
    with state.lock:
        state.jobs[name] = {"kind": "openai", "request": body, "polls": 0}
        state.creates[(body.get("metadata") or {}).get("tunecurve_key")] += 1
    return handler.send(openai_job_view(state, name))


def openai_job_view(state, name):
    job = state.jobs[name]
    request = job["request"]
    status = job.get("force") or (
        "validating_files" if job["polls"] == 0 else "running" if job["polls"] < state.polls else "succeeded"
    )
    hyper = ((request.get("method") or {}).get("supervised") or {}).get("hyperparameters") or {}
    view = {"object": "fine_tuning.job", "id": name, "model": request["model"], "created_at": 1, "status": status}
    view |= {"organization_id": "o", "result_files": [], "validation_file": None, "seed": 1, "error": None}
    view |= {"training_file": request["training_file"], "hyperparameters": hyper, "metadata": request.get("metadata")}
    if state.drops_metadata:  # as some servers of this format do
        view |= {"metadata": None, "user_provided_suffix": request.get("suffix")}
    view |= {"fine_tuned_model": None, "trained_tokens": None, "finished_at": None}
    if status == "succeeded":
        model = f"ft:{request['model']}:org:{request.get('suffix')}:{name[-4:]}"
        lines = job.setdefault("text", state.files.get(request["training_file"], b"").decode()).splitlines()
        rows = [json.loads(line)["messages"] for line in lines]
        pairs = [(row[-2]["content"], row[-1]["content"]) for row in rows]
        epochs = int(hyper.get("n_epochs") or 2)
        for step in range(1, epochs):
            state.masks.setdefault(f"{model}:ckpt-step-{step}", learned_masks(pairs[: len(pairs) * step // epochs]))
        state.masks.setdefault(model, learned_masks(pairs))
        view |= {"fine_tuned_model": model, "trained_tokens": epochs * sum(training_tokens(line) for line in lines)}
    return view


def openai_job_get(handler, found, query, body, raw):
    if found["id"] not in handler.state.jobs:
        return handler.fail(404, "no such job", "openai")
    handler.state.jobs[found["id"]]["polls"] += 1
    return handler.send(openai_job_view(handler.state, found["id"]))


def openai_job_list(handler, found, query, body, raw):
    key = (handler.headers.get("Authorization") or "").removeprefix("Bearer ")
    if key.startswith("no-tuning"):
        return handler.fail(403, f"fine-tuning is not available for {key}", "openai")
    names = [name for name, job in handler.state.jobs.items() if job["kind"] == "openai"][::-1]
    if query.get("after") in names:
        names = names[names.index(query["after"]) + 1 :]
    limit = int(query.get("limit", 20))
    views = [openai_job_view(handler.state, name) for name in names[:limit]]
    return handler.send({"object": "list", "data": views, "has_more": len(names) > limit})


def openai_job_cancel(handler, found, query, body, raw):
    handler.state.jobs[found["id"]]["force"] = "cancelled"
    handler.send(openai_job_view(handler.state, found["id"]))


def openai_checkpoints(handler, found, query, body, raw):
    view = openai_job_view(handler.state, found["id"])
    epochs = int(view["hyperparameters"].get("n_epochs") or 2)
    names = [f"{view['fine_tuned_model']}:ckpt-step-{n}" for n in range(1, epochs)] + [view["fine_tuned_model"]]
    points = [
        {"object": "fine_tuning.job.checkpoint", "id": f"p{n}", "created_at": 1, "fine_tuned_model_checkpoint": name,
         "fine_tuning_job_id": found["id"], "metrics": {"step": n}, "step_number": n}
        for n, name in enumerate(names, 1)
    ]  # fmt: skip
    handler.send({"object": "list", "data": points[::-1], "has_more": False})


def stats(handler, found, query, body, raw):
    state = handler.state
    with state.lock:
        view = {
            "n_attempts": sum(state.attempts.values()),
            "n_answers": sum(state.answers.values()),
            "answers_by_count": dict(Counter(state.answers.values())),
            "most_attempts": max(state.attempts.values(), default=0),
            "most_in_flight": state.most_in_flight,
            "storms": dict(state.storms),
            "creates": {str(key): count for key, count in state.creates.items()},
            "requests": state.requests[-50:],
        }
    handler.send(view)


V = r"/v1(?:beta1?|alpha)?"
SCOPE = r"(?P<scope>projects/[^/]+/locations/[^/]+/)"
ROUTES = [
    (r"GET /__stats", stats),
    (r"GET (?:/[\w./-]+)?/batches/(?P<id>batch_[^/]+)", openai_batch_get),
    (rf"POST {V}/(?P<model>models/[^/:]+):generateContent", gemini_generate),
    (rf"POST {V}/(?P<model>models/[^/:]+):batchGenerateContent", batch_create),
    (r"GET (?:/[\w./-]+)?/batches", any_batch_list),
    (rf"GET {V}/batches/(?P<id>[^/:]+)", batch_get),
    (r"POST /upload/(?:v1|v1beta)/files", gemini_file_start),
    (r"POST /upload/session/(?P<name>files/[^/]+)", gemini_file_put),
    (rf"GET {V}/files/(?P<id>[^/:]+):download", gemini_file_download),
    (
        rf"POST {V}/(?P<model>projects/[^/]+/locations/[^/]+/(?:publishers/[^/]+/models/[^/:]+|endpoints/[^/:]+)):generateContent",
        gemini_generate,
    ),
    (rf"POST {V}/{SCOPE}tuningJobs", vertex_create),
    (rf"GET {V}/{SCOPE}tuningJobs", vertex_list),
    (rf"GET {V}/(?P<name>{SCOPE}tuningJobs/[^/:]+)", vertex_get),
    (rf"POST {V}/(?P<name>{SCOPE}tuningJobs/[^/:]+):cancel", vertex_cancel),
    (r"POST (?:/upload)?/storage/v1/b/(?P<bucket>[^/]+)/o", storage_upload),
    (r"DELETE (?:/upload)?/storage/v1/b/(?P<bucket>[^/]+)/o/(?P<name>.+)", storage_delete),
    (r"DELETE (?:/[\w./-]+)?/files/(?P<id>[^/]+)", openai_file_delete),
    (r"POST (?:/[\w./-]+)?/chat/completions", openai_chat),
    (r"POST (?:/[\w./-]+)?/batches", openai_batch_create),
    (r"GET (?:/[\w./-]+)?/files/(?P<id>[^/]+)/content", openai_file_content),
    (r"POST (?:/[\w./-]+)?/files", openai_file),
    (r"POST (?:/[\w./-]+)?/fine_tuning/jobs", openai_job_create),
    (r"GET (?:/[\w./-]+)?/fine_tuning/jobs", openai_job_list),
    (r"GET (?:/[\w./-]+)?/fine_tuning/jobs/(?P<id>[^/]+)", openai_job_get),
    (r"POST (?:/[\w./-]+)?/fine_tuning/jobs/(?P<id>[^/]+)/cancel", openai_job_cancel),
    (r"GET (?:/[\w./-]+)?/fine_tuning/jobs/(?P<id>[^/]+)/checkpoints", openai_checkpoints),
]


class Server(ThreadingHTTPServer):
    request_queue_size = 256  # many clients at once overflow the default of 5
    daemon_threads = True
    state: State

    def handle_error(self, request, client_address):
        pass  # clients that were killed


def start(port=0, **settings):
    """Start the server in a thread; return it and its address."""
    server = Server(("127.0.0.1", port), Handler)
    server.state = State(**settings)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--polls", type=int, default=2)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--storm", type=int)
    options = parser.parse_args()
    print(start(options.port, polls=options.polls, delay=options.delay, storm=options.storm)[1], flush=True)
    threading.Event().wait()

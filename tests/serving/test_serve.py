"""`tunecurve predict --serve`: OpenAI's own client against the endpoint; strangers, nonsense and Ctrl-C."""

import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tunecurve.errors import EnvironmentProblem, ModelError
from tunecurve.learners.base import Completion, Learner
from tunecurve.learners.similarity import TfidfSimilarity
from tunecurve.predictor import Predictor
from tunecurve.prompts import PromptRenderer
from tunecurve.serving.server import ModelServer
from tunecurve.study.similar import LabelledRow, Retriever

openai = pytest.importorskip("openai", reason="the extra hosted is not installed")


class Shouter(Learner):
    """Answers in capitals, slowly, and remembers what it was asked."""

    name = "shouter"
    takes_prompts = True
    seconds = 0.0

    def __init__(self, *, takes_prompts=True):
        self.takes_prompts, self.asked = takes_prompts, []

    def identity(self):
        return {}

    def count_tokens(self, text):
        return len(text.split())

    def predict_stream(self, prompts, done=()):
        self.asked.append([[(message.role, message.content) for message in prompt.messages] for prompt in prompts])
        if any("too long" in prompt.source for prompt in prompts):
            raise ModelError("a prompt does not fit")
        if any("boom" in prompt.source for prompt in prompts):
            raise RuntimeError("secret detail")
        time.sleep(self.seconds)
        for index, prompt in enumerate(prompts):
            reason = "blocked" if "blocked" in prompt.source else "end"
            yield index, Completion(prompt.source.upper(), reason, 7, self.count_tokens(prompt.source))


@contextmanager
def serving(learner, template="{input}", *, retriever=None, model="shouts", **options):
    predictor = Predictor(learner, PromptRenderer("Shout.", template), "trial", retriever=retriever)
    server = ModelServer(predictor, model, **options)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server, openai.OpenAI(base_url=server.url, api_key=options.get("token") or "any", max_retries=0)
    finally:
        server.shutdown()
        server.server_close()


def chat(client, text, **options):
    messages = [{"role": "user", "content": text}] if isinstance(text, str) else text
    return client.chat.completions.create(model="shouts", messages=messages, **options)


def raw(server, method, path, body=b"", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=30)
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    return reply.status, json.loads(reply.read())


def test_openais_client_is_answered():
    with serving(Shouter(), "Text: {input}") as (server, client):
        assert [model.id for model in client.models.list()] == ["shouts"]
        assert client.models.retrieve("shouts").owned_by == "tunecurve"
        reply = chat(client, "hello there", temperature=0)
        assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("HELLO THERE", "stop")
        assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (7, 2, 9)
        learner = server.predictor.learner
        assert learner.asked[-1] == [[("system", "Shout."), ("user", "Text: hello there")]], (
            "the prompt it was tuned on"
        )
        several = client.completions.create(model="shouts", prompt=["a b", "ü €"])
        assert [choice.text for choice in several.choices] == ["A B", "Ü €"]
        streamed = list(chat(client, "as events", stream=True))
        assert "".join(one.choices[0].delta.content or "" for one in streamed) == "AS EVENTS"
        assert streamed[-1].choices[0].finish_reason == "stop"
        parts = [{"role": "user", "content": [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]}]
        assert chat(client, parts).choices[0].message.content == "IN PARTS"


def test_earlier_turns_are_framed_and_an_instruction_of_ones_own_is_taken_as_it_is():
    turns = [("user", "one"), ("assistant", "ONE"), ("user", "two")]
    given = [{"role": role, "content": text} for role, text in turns]
    with serving(Shouter(), "Text: {input}") as (server, client):
        chat(client, given)
        expected = [("system", "Shout."), ("user", "Text: one"), ("assistant", "ONE"), ("user", "Text: two")]
        assert server.predictor.learner.asked[-1] == [expected]
        chat(client, [{"role": "system", "content": "Shout."}, *given])
        assert server.predictor.learner.asked[-1] == [expected], "the study's own instruction is no other"
        chat(client, [{"role": "system", "content": "Whisper."}, *given])
        assert server.predictor.learner.asked[-1] == [[("system", "Whisper."), *turns]]


LABELLED = [("a red fox", "ANIMAL"), ("a blue car", "THING"), ("a red dog", "ANIMAL")]


def test_every_text_has_the_examples_that_are_like_it():
    pool = [LabelledRow(str(number), *row) for number, row in enumerate(LABELLED)]
    nearest = Retriever(pool, TfidfSimilarity(), 1, "similar")
    car, fox = (
        [("system", "Shout."), ("user", f"Text: {one}"), ("assistant", kind), ("user", f"Text: {asked}")]
        for one, kind, asked in (("a blue car", "THING", "my blue car"), ("a red fox", "ANIMAL", "that fox"))
    )
    with serving(Shouter(), "Text: {input}", retriever=nearest) as (server, client):
        learner = server.predictor.learner
        assert chat(client, "my blue car").choices[0].message.content == "MY BLUE CAR"
        assert learner.asked[-1] == [car]
        chat(client, [{"role": "system", "content": "Shout."}, {"role": "user", "content": "that fox"}])
        assert learner.asked[-1] == [fox]
        client.completions.create(model="shouts", prompt=["my blue car", "that fox"])
        assert [prompt for batch in learner.asked[2:] for prompt in batch] == [car, fox]
        turns = [("user", "one"), ("assistant", "ONE"), ("user", "that fox")]
        chat(client, [{"role": role, "content": text} for role, text in turns])
        assert learner.asked[-1] == [[*fox[:3], ("user", "Text: one"), ("assistant", "ONE"), fox[3]]]
        chat(client, [{"role": "system", "content": "Whisper."}, {"role": "user", "content": "that fox"}])
        assert learner.asked[-1] == [[("system", "Whisper."), ("user", "that fox")]], "a prompt of one's own"
        with ThreadPoolExecutor(20) as pool_of_clients:
            replies = pool_of_clients.map(lambda n: chat(client, f"fox {n}").choices[0].message.content, range(20))
            assert list(replies) == [f"FOX {number}" for number in range(20)]


def test_a_text_that_is_too_long_is_refused_with_what_to_do():
    learner = Shouter()
    learner.context_length, learner.tokens_needed = lambda: 5, lambda prompt: 2 * learner.count_tokens(prompt.source)
    with serving(learner) as (_, client):
        with pytest.raises(openai.BadRequestError, match="needs 6 tokens, and shouter takes 5; give a shorter text"):
            chat(client, "one two three")
        assert chat(client, "one two").choices[0].message.content == "ONE TWO"


@pytest.mark.parametrize(
    ("stop", "text"),
    [
        ("THREE", "ONE TWO "),
        (["FOUR", "TWO"], "ONE "),
        ("five", "ONE TWO THREE FOUR"),
        ([], "ONE TWO THREE FOUR"),
        ("ONE", ""),
    ],
)
def test_an_answer_ends_before_a_text_that_stops_it(stop, text):
    with serving(Shouter()) as (_, client):
        found = chat(client, "one two three four", stop=stop).choices[0]
        assert (found.message.content, found.finish_reason) == (text, "stop")
        [first, *_] = chat(client, "one two three four", stop=stop, stream=True)
        assert first.choices[0].delta.content == text


def test_a_stream_tells_how_many_tokens_there_were_where_that_is_asked():
    with serving(Shouter()) as (_, client):
        events = list(chat(client, "one two", stream=True, stream_options={"include_usage": True}))
        assert (events[-1].choices, events[-1].usage.total_tokens) == ([], 9)
        assert all(event.usage is None for event in chat(client, "one two", stream=True))


def test_a_page_of_this_machine_can_read_what_it_asked():
    with serving(Shouter(), token="secret") as (server, _):
        port = server.server_address[1]

        def asked(method, origin, **headers):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request(method, "/v1/models", b"", headers | {"Origin": origin})
            reply = connection.getresponse()
            reply.read()
            return reply.status, dict(reply.getheaders())

        wanted = {"Access-Control-Request-Headers": "authorization,content-type"}
        status, headers = asked("OPTIONS", "http://localhost:3000", **wanted)
        assert (status, headers["Access-Control-Allow-Origin"]) == (200, "http://localhost:3000")
        assert headers["Access-Control-Allow-Headers"] == "authorization,content-type"
        status, headers = asked("GET", "http://localhost:3000", Authorization="Bearer secret")
        assert (status, headers["Access-Control-Allow-Origin"]) == (200, "http://localhost:3000")
        assert asked("GET", "http://localhost:3000")[0] == 401
        for origin in (
            "https://evil.example",
            "null",
            "http://localhost.evil.example",
            "http://localhost@evil.example",
        ):
            for method in ("OPTIONS", "GET"):
                status, headers = asked(method, origin, **wanted, Authorization="Bearer secret")
                assert status == 403
                assert not [name for name in headers if name.startswith("Access-Control")]
        assert "Access-Control-Allow-Origin" not in dict(http_headers(server))


def http_headers(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=30)
    connection.request("GET", "/v1/models", headers={"Authorization": "Bearer secret"})
    return connection.getresponse().getheaders()


@pytest.mark.parametrize("name", ["runs", "meine läufe", "a+b c%20d"])
def test_a_model_is_found_by_any_name_that_a_folder_may_have(name):
    with serving(Shouter(), model=name) as (_, client):
        assert client.models.retrieve(name).id == name
        messages = [{"role": "user", "content": "hi"}]
        assert client.chat.completions.create(model=name, messages=messages).model == name


def test_an_answer_is_cut_at_the_tokens_that_were_asked_for():
    with serving(Shouter()) as (_, client):
        cut = chat(client, "one two three four", max_tokens=2).choices[0]
        assert (cut.message.content.split(), cut.finish_reason) == (["ONE", "TWO"], "length")
        whole = chat(client, "one two three four", max_completion_tokens=4).choices[0]
        assert (whole.message.content, whole.finish_reason) == ("ONE TWO THREE FOUR", "stop")
    with serving(Shouter(takes_prompts=False)) as (_, client):
        whole = chat(client, "one two three four", max_tokens=2).choices[0]
        assert whole.message.content == "ONE TWO THREE FOUR", "what a tagger writes has no tokens of its own"


def test_requests_that_wait_together_are_answered_together():
    learner = Shouter()
    learner.seconds = 0.3
    with serving(learner) as (server, client), ThreadPoolExecutor(9) as pool:
        texts = [f"text {number}" for number in range(9)]
        replies = list(pool.map(lambda text: chat(client, text).choices[0].message.content, texts))
        assert replies == [text.upper() for text in texts]
        assert sum(server.batcher.sizes) == 9
        assert len(server.batcher.sizes) < 9


def test_one_prompt_that_cannot_be_answered_fails_alone():
    learner = Shouter()
    learner.seconds = 0.3
    with serving(learner) as (_, client), ThreadPoolExecutor(5) as pool:

        def ask(text):
            try:
                return chat(client, text).choices[0].message.content
            except openai.APIStatusError as error:
                return error.status_code, error.body["message"]

        texts = ["first", "a", "too long", "b", "boom"]
        found = dict(zip(texts, pool.map(ask, texts), strict=True))
        assert (found["first"], found["a"], found["b"]) == ("FIRST", "A", "B")
        assert found["too long"] == (400, "a prompt does not fit")
        assert found["boom"] == (500, "the model failed (RuntimeError)"), "no detail of the inside"
        assert ask("blocked")[0] == 502
        assert ask("after all that") == "AFTER ALL THAT"


@pytest.mark.parametrize(
    ("change", "parameter", "said"),
    [
        ({"temperature": 0.7}, "temperature", "0.7"),
        ({"n": 2}, "n", "one greedy answer"),
        ({"tools": [{"type": "function"}]}, "tools", "leave 'tools' out"),
        ({"response_format": {"type": "json_object"}}, "response_format", "json_object"),
        ({"max_tokens": 0}, "max_tokens", "expected a whole number from 1"),
        ({"max_tokens": True}, "max_tokens", "expected a whole number from 1"),
        ({"stop": [""]}, "stop", "at most 4 texts"),
        ({"stop": 7}, "stop", "at most 4 texts"),
        ({"stop": list("abcde")}, "stop", "at most 4 texts"),
        ({"colour": 1}, "colour", "unknown key 'colour'"),
        ({"messages": "hello"}, "messages", "must be a list"),
        ({"messages": []}, "messages", "the last message must be the user's"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages", "empty"),
        ({"messages": [{"role": "user"}]}, "messages", "no text"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages", "role 'tool'"),
        ({"messages": [7]}, "messages", "role None"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages", "no text"),
        (
            {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]},
            "messages",
            "last message",
        ),
        ({"model": None}, "model", "'model' is missing; there is 'shouts'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_openais_form(change, parameter, said):
    values = {"model": "shouts", "messages": [{"role": "user", "content": "hi"}]} | change
    with serving(Shouter()) as (server, _):
        status, reply = raw(server, "POST", "/v1/chat/completions", json.dumps(values).encode())
        assert status == 400
        assert set(reply["error"]) == {"message", "type", "param", "code"}
        assert (reply["error"]["param"], reply["error"]["type"]) == (parameter, "invalid_request_error")
        assert said in reply["error"]["message"]
        assert server.predictor.learner.asked == []


def test_nonsense_is_answered_and_the_next_request_too():
    with serving(Shouter()) as (server, client):
        for body in (b"", b"{", b"[]", b"\xff", b"[" * 10_000, b"null", b'"x"'):
            assert raw(server, "POST", "/v1/chat/completions", body)[0] == 400
        half = b'{"model": "shouts", "messages": [{"role": "user", "content": "\\ud83d"}]}'
        status, reply = raw(server, "POST", "/v1/chat/completions", half)
        assert (status, "surrogate" in reply["error"]["message"]) == (400, True)
        assert raw(server, "POST", "/v1/embeddings", b"{}")[0] == 404
        assert raw(server, "GET", "/etc/passwd")[0] == 404
        assert raw(server, "POST", "/v1/chat/completions", b"", **{"Content-Length": "9" * 12})[0] == 413
        assert raw(server, "POST", "/v1/chat/completions", b"", **{"Content-Length": "-1"})[0] == 411
        assert raw(server, "POST", "/v1/chat/completions", b"", **{"Content-Length": "\xb2"})[0] == 411
        with socket.create_connection(server.server_address, timeout=30) as connection:
            connection.sendall(b"GET http://[/v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 500 ")
        for prompt in ("", [], [1], ["a", " "], None):
            body = json.dumps({"model": "shouts", "prompt": prompt}).encode()
            assert raw(server, "POST", "/v1/completions", body)[0] == 400
        for method in ("PUT", "DELETE", "BREW"):
            status, reply = raw(server, method, "/v1/models")
            assert (status, reply["error"]["type"]) == (501, "server_error")
        with pytest.raises(openai.NotFoundError, match="there is 'shouts'"):
            client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "hi"}])
        assert chat(client, "still here").choices[0].message.content == "STILL HERE"


def test_nobody_else_is_answered():
    with serving(Shouter(), token="secret") as (server, client):
        assert server.server_address[0] == "127.0.0.1"
        assert chat(client, "hi").choices[0].message.content == "HI"
        stranger = openai.OpenAI(base_url=server.url, api_key="wrong", max_retries=0)
        with pytest.raises(openai.AuthenticationError, match="token is missing or wrong"):
            stranger.models.list()
        known = {"Authorization": "Bearer secret"}
        assert raw(server, "GET", "/v1/models")[0] == 401
        assert raw(server, "GET", "/v1/models", **known)[0] == 200
        assert raw(server, "GET", "/v1/models", **known, Host="evil.example")[0] == 403
        assert raw(server, "GET", "/v1/models", **known, Host="evil.example@127.0.0.1.evil.example")[0] == 403
        assert raw(server, "GET", "/v1/models", **known, Origin="https://evil.example")[0] == 403
        for broken in ("[", "[::1", "a]"):
            assert raw(server, "GET", "/v1/models", **known, Host=broken)[0] == 403
            assert raw(server, "GET", "/v1/models", **known, Origin=f"http://{broken}")[0] == 403
        assert raw(server, "GET", "/v1/models", **known, Origin="http://localhost:3000")[0] == 200
        assert server.predictor.learner.asked == [[[("system", "Shout."), ("user", "hi")]]]


def test_a_port_that_is_taken_is_said():
    with serving(Shouter()) as (server, _):
        port = server.server_address[1]
        with pytest.raises(EnvironmentProblem, match=f"cannot listen on 127.0.0.1:{port}.*choose another --port"):
            ModelServer(server.predictor, "again", port)


def test_the_command_serves_until_it_is_interrupted(monkeypatch, capsys):
    from tunecurve import predictor as predictor_module
    from tunecurve.cli.main import run_command

    found = Predictor(Shouter(), PromptRenderer("Shout."), "trial")
    monkeypatch.setattr(predictor_module, "load_predictor", lambda *_, **__: found)
    replies = []

    def ask_once(server, *_):
        """Stand for `serve_forever`: answer one request, then Ctrl-C."""
        asking = threading.Thread(target=lambda: replies.append(raw(server, "GET", "/v1/models")))
        asking.start()
        server.handle_request()
        asking.join()
        raise KeyboardInterrupt

    monkeypatch.setattr(ModelServer, "serve_forever", ask_once)
    assert run_command(["predict", "runs/shouts", "--serve", "--port", "0"]) == 0
    told = capsys.readouterr().err
    assert "serving trial of runs/shouts as 'shouts' at http://127.0.0.1:" in told
    assert told.rstrip().endswith("stopped")
    assert replies[0][1]["data"][0]["id"] == "shouts"
    assert run_command(["predict", "runs/shouts", "--serve", "--text", "x"]) == 2
    assert run_command(["predict", "runs/shouts", "--port", "8000"]) == 2
    assert "--port is for --serve" in capsys.readouterr().err

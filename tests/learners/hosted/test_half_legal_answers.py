"""What providers' documents allow and few servers do: every answer is scored whole, paid once, and booked in full."""

from __future__ import annotations

import json

import pytest

from tests.fakes.half_legal_server import HalfLegalServer, message_item
from tests.learners.hosted.conftest import GEMINI, LAB
from tests.learners.hosted.test_faults import ROWS, ask, check_books
from tunecurve.errors import EnvironmentProblem
from tunecurve.learners.hosted.names import parse_hosted_name
from tunecurve.learners.hosted.transport import sender as sending
from tunecurve.learners.hosted.transport.access import check_access
from tunecurve.learners.hosted.transport.attempt import after_response, before_request, begin_attempt
from tunecurve.learners.hosted.transport.failures import explain_failure
from tunecurve.learners.hosted.transport.proxies import proxy_in_words
from tunecurve.spec.hosted import HostedSpec

CLAUDE = "anthropic/claude-haiku-4-5"
MODEL_OF = {"chat": LAB, "responses": LAB, "gemini": GEMINI, "anthropic": CLAUDE}
FORMATS = sorted(MODEL_OF)


@pytest.fixture
def serve(monkeypatch, only_loopback, started):
    """Return a function that starts a server with a change of its answers, and points the environment at it."""

    def begin(change):
        server = started(HalfLegalServer(change))
        for name in ("GOOGLE", "LAB", "ANTHROPIC"):
            monkeypatch.setenv(f"{name}_API_KEY", "canary-key-of-the-test")
            monkeypatch.setenv(f"{name}_BASE_URL", server.url + ("/v1" if name == "LAB" else ""))
        return server

    monkeypatch.setattr(sending, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(sending, "LONGEST_WAIT_SECONDS", 0.02)
    return begin


@pytest.fixture
def learner_in(learner_of):
    """Return a function from a format to a learner that speaks it."""

    def make(kind, **settings):
        if kind == "anthropic":
            pytest.importorskip("anthropic")
        return learner_of(MODEL_OF[kind], **({"api": "responses"} if kind == "responses" else {}), **settings)

    return make


def usage_of(kind, answer):
    return answer["usageMetadata" if kind == "gemini" else "usage"]


def in_parts(kind, answer, text):
    head, tail = text[:7], text[7:]
    if kind == "chat":
        answer["choices"][0]["message"]["content"] = [{"type": "text", "text": head}, {"type": "text", "text": tail}]
    elif kind == "responses":
        answer["output"] = [
            message_item(head),
            {"type": "reasoning", "id": "r", "summary": []},
            message_item(tail, "m2"),
        ]
    elif kind == "gemini":
        answer["candidates"][0]["content"]["parts"] = [{"text": head}, {"text": tail}]
    else:
        answer["content"] = [{"type": "text", "text": head}, {"type": "text", "text": tail}]
    return answer


@pytest.mark.parametrize("kind", FORMATS)
def test_parts_of_an_answer_follow_one_another_without_a_break(serve, learner_in, prompts_of, kind):
    server = serve(in_parts)
    answers = ask(learner_in(kind), prompts_of)
    assert [answer.text for answer in answers] == ROWS
    assert check_books(learner_in(kind), server).estimated_usd == 0


def test_remarks_before_a_final_answer_are_not_scored(serve, learner_in, prompts_of):
    def change(kind, answer, text):
        answer["output"] = [
            message_item("Let me see. ", phase="commentary"),
            message_item(text, "m2", phase="final_answer"),
        ]
        return answer

    serve(change)
    assert [answer.text for answer in ask(learner_in("responses"), prompts_of)] == ROWS


@pytest.mark.parametrize("end", ["pause_turn", "model_context_window_exceeded"])
def test_an_unfinished_turn_is_paid_once_and_counts_as_cut(serve, learner_in, prompts_of, end):
    def change(kind, answer, text):
        return {**answer, "stop_reason": end}

    server = serve(change)
    answers = ask(learner_in("anthropic", max_cost=1.0), prompts_of)
    assert [answer.stop_reason for answer in answers] == ["length"] * len(ROWS)
    assert server.n_requests == len(ROWS)
    check_books(learner_in("anthropic"), server)


def test_a_second_request_after_an_answer_is_not_sent():
    begin_attempt(is_counted=True)
    before_request()
    after_response(429)
    before_request()  # the first one was refused: nothing is paid twice
    after_response(200)
    with pytest.raises(Exception, match="ask on by itself") as caught:
        before_request()
    failure = explain_failure(caught.value, parse_hosted_name(LAB))
    assert failure.is_fatal
    assert failure.may_be_billed
    begin_attempt(is_counted=False)
    after_response(200)
    before_request()


@pytest.mark.parametrize("kind", ["chat", "responses", "gemini"])
@pytest.mark.parametrize("more", [1, 100, 900])
def test_tokens_that_stand_in_the_total_alone_are_booked(serve, learner_in, prompts_of, kind, more):
    def change(kind, answer, text):
        usage_of(kind, answer)["totalTokenCount" if kind == "gemini" else "total_tokens"] += more
        return answer

    server = serve(change)
    server.more_out = more
    ask(learner_in(kind), prompts_of)
    spent = check_books(learner_in(kind), server)
    assert spent.total_usd == pytest.approx(server.bill_usd)
    assert spent.estimated_usd == 0


@pytest.mark.parametrize(
    "usage",
    [
        {"cachedContentTokenCount": 10**5},
        {"toolUsePromptTokenCount": 0, "cachedContentTokenCount": None},
        {"serviceTier": "x"},
    ],
)
def test_what_stands_beside_geminis_counts_changes_none(serve, learner_in, prompts_of, usage):
    def change(kind, answer, text):
        answer["usageMetadata"] |= usage
        return answer

    server = serve(change)
    ask(learner_in("gemini"), prompts_of)
    assert check_books(learner_in("gemini"), server).total_usd == pytest.approx(server.bill_usd)


@pytest.mark.parametrize("usage", [None, [1, 2], "none", {"input_tokens": "many", "output_tokens": 3}, {}, 7])
def test_a_paid_message_is_kept_whatever_its_usage(serve, learner_in, prompts_of, usage):
    def change(kind, answer, text):
        return {**answer, "usage": usage, "id": None, "model": 7}

    server = serve(change)
    assert [answer.text for answer in ask(learner_in("anthropic"), prompts_of)] == ROWS
    spent = check_books(learner_in("anthropic"), server)
    assert spent.estimated_usd == pytest.approx(spent.total_usd)


@pytest.mark.parametrize(
    ("word", "end"),
    [("A_WORD_OF_2027", "end"), ("LENGTH_OF_ANSWER", "length"), ("NEW_SAFETY_RULE", "blocked")],
)
def test_an_end_that_geminis_sdk_does_not_know_loses_no_answer(serve, learner_in, prompts_of, word, end):
    def change(kind, answer, text):
        answer["candidates"][0]["finishReason"] = word
        return answer

    serve(change)
    answers = ask(learner_in("gemini"), prompts_of)
    if end == "blocked":
        assert "6 blocked" in answers or all(answer.stop_reason == "blocked" for answer in answers)
    else:
        assert {(answer.text, answer.stop_reason) for answer in answers} == {(row, end) for row in ROWS}


@pytest.mark.parametrize("kind", FORMATS)
def test_a_mark_of_byte_order_before_the_answer_is_read_over(serve, learner_in, prompts_of, kind):
    serve(lambda kind, answer, text: (200, {}, b"\xef\xbb\xbf" + json.dumps(answer).encode()))
    assert [answer.text for answer in ask(learner_in(kind), prompts_of)] == ROWS


@pytest.mark.parametrize("kind", ["chat", "responses", "anthropic"])
def test_a_body_that_cannot_be_unpacked_is_not_paid_for_eight_times(serve, learner_in, prompts_of, kind):
    server = serve(lambda kind, answer, text: (200, {"Content-Encoding": "gzip"}, json.dumps(answer).encode()))
    line = ask(learner_in(kind, concurrency=1), prompts_of)
    assert "cannot be read" in line
    assert "compression" in line
    assert server.n_requests <= 3
    check_books(learner_in(kind), server)


REFUSALS = [
    (413, b'{"error": {"message": "too large"}}'),
    (422, b'{"detail": "not these words"}'),
    (400, b'{"error": {"message": "this text is not taken"}}'),
    (403, b"<html>a firewall</html>"),
]


@pytest.mark.parametrize("kind", ["chat", "gemini"])
@pytest.mark.parametrize(("status", "said"), REFUSALS)
@pytest.mark.parametrize("row", [0, 4])
def test_one_row_that_is_refused_costs_its_own_answer_only(serve, learner_in, prompts_of, kind, status, said, row):
    page = {"Content-Type": "text/html"} if said.startswith(b"<") else {}
    server = serve(lambda kind, answer, text: (status, page, said) if text == ROWS[row] else answer)
    answers = ask(learner_in(kind, failed_rows_allowed=0.2, concurrency=1), prompts_of)
    assert [answer.stop_reason for answer in answers] == ["error" if n == row else "end" for n in range(len(ROWS))]
    assert f"({status})" in answers[row].error
    line = ask(learner_in(kind, failed_rows_allowed=0.1, concurrency=1), prompts_of)
    assert "rejects the request" in line or "refuses" in line or "no answer" in line
    assert check_books(learner_in(kind), server).doubtful_usd == 0


@pytest.mark.parametrize(("status", "said"), [*REFUSALS, (401, b"{}"), (402, b"{}"), (404, b"{}")])
def test_what_refuses_every_row_ends_the_trial_soon(serve, learner_in, prompts_of, status, said):
    server = serve(lambda kind, answer, text: (status, {}, said))
    line = ask(learner_in("chat", failed_rows_allowed=0.5, concurrency=1), prompts_of)
    assert f"({status})" in line
    assert server.n_requests <= 3


@pytest.mark.parametrize("price", [1e-6, 4e-7, 0.0001])
@pytest.mark.parametrize("field", ["input", "output", "training"])
def test_a_price_by_the_token_is_refused(price, field):
    with pytest.raises(ValueError, match="dollars per million tokens"):
        HostedSpec(prices={LAB: {field: price}})
    assert HostedSpec(prices={LAB: {field: 0.01}})
    assert HostedSpec(prices={LAB: {field: 0}})


@pytest.mark.parametrize("price", [float("inf"), float("nan")])
@pytest.mark.parametrize("field", ["input", "output", "training"])
def test_a_price_without_end_is_refused_with_its_place(price, field):
    with pytest.raises(ValueError, match=f"{LAB}`.{field}\n  Input should be a finite number"):
        HostedSpec(prices={LAB: {field: price}})


def test_the_proxy_is_named_where_calls_go_by_one(serve, learner_in, prompts_of, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = serve(lambda kind, answer, text: answer)
    assert proxy_in_words(server.url) is None
    monkeypatch.setenv("http_proxy", "http://me:canary-secret@127.0.0.1:9")
    line = ask(learner_in("chat"), prompts_of)
    assert "127.0.0.1:9 ($HTTP_PROXY)" in line
    assert "canary-secret" not in line
    assert server.n_requests == 0
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert proxy_in_words(server.url) is None
    monkeypatch.delenv("http_proxy")
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    assert "($ALL_PROXY)" in ask(learner_in("chat"), prompts_of)
    assert check_books(learner_in("chat"), server).total_usd == 0


@pytest.mark.parametrize("bucket", ["YOUR-BUCKET", "gs://mine", "mine/part", "my bucket", " mine"])
@pytest.mark.parametrize("provider", ["vertex", "bedrock"])
def test_a_name_that_no_bucket_has_is_said_before_anything_is_paid(monkeypatch, bucket, provider):
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "t")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    more = {"role_arn": "arn:aws:iam::123456789012:role/r", "region": "us-east-1"} if provider == "bedrock" else {}
    model = {"vertex": "google/vertex/gemini-3.5-flash-lite", "bedrock": "bedrock/amazon.nova-micro-v1:0:128k"}[
        provider
    ]
    settings = HostedSpec(**{provider: {"bucket": bucket, **more}, "tuning": "bedrock" if more else "auto"})
    name = parse_hosted_name(model)
    with pytest.raises(EnvironmentProblem, match=f"hosted.{provider}.bucket is '{bucket}'"):
        check_access(name, model, settings, will_tune=True)
    check_access(name, model, settings, will_tune=False)


PLAIN_USD = "as by tokens"


@pytest.mark.parametrize("kind", ["chat", "responses"])
@pytest.mark.parametrize(
    ("more", "usd"),
    [
        ({"cost": 0.02}, 0.02),  # OpenRouter
        ({"cost": "0.02"}, 0.02),
        ({"cost": {"total_cost": 0.03, "request_cost": 0.01}}, 0.03),  # Perplexity
        ({"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.04}}, 0.05),
        ({"cost": 0.01, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.04}}, 0.01),
        ({"cost": 1e-9}, PLAIN_USD),
        ({"cost": -3}, PLAIN_USD),
        ({"cost": float("nan")}, PLAIN_USD),
        ({"cost": 1e9}, PLAIN_USD),
        ({"cost": True}, PLAIN_USD),
        ({"cost": "much"}, PLAIN_USD),
        ({"cost": None}, PLAIN_USD),
    ],
)
def test_a_price_that_a_gateway_tells_is_booked_where_it_is_higher(serve, learner_in, prompts_of, kind, more, usd):
    def change(kind, answer, text):
        answer["usage"] |= more
        return answer

    server = serve(change)
    ask(learner_in(kind), prompts_of)
    spent = learner_in(kind).account.spending()
    assert spent.answers_usd == pytest.approx(server.bill_usd if usd is PLAIN_USD else usd * len(ROWS))


def test_a_price_that_a_gateway_tells_at_the_end_of_a_stream_is_booked(serve, learner_in, prompts_of):
    def change(kind, answer, text):
        head = {key: answer[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
        chunks = [
            {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}]},
            {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {**head, "choices": [], "usage": {**answer["usage"], "cost": 0.02}},
        ]
        data = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        return 200, {"Content-Type": "text/event-stream"}, data.encode()

    serve(change)
    assert [answer.text for answer in ask(learner_in("chat", stream=True), prompts_of)] == ROWS
    assert learner_in("chat").account.spending().answers_usd == pytest.approx(0.02 * len(ROWS))


def test_a_price_that_no_table_has_is_the_one_that_the_gateway_tells(serve, learner_in, prompts_of):
    def change(kind, answer, text):
        answer["usage"] |= {"cost": 0.02}
        return answer

    serve(change)
    ask(learner_in("chat", prices={}), prompts_of)
    spent = learner_in("chat").account.spending()
    assert spent.answers_usd == pytest.approx(0.02 * len(ROWS))
    assert spent.n_unpriced == 0


def calling_a_tool(kind, answer, text):
    arguments = {"text": text}
    if kind == "chat":
        call = {"id": "t", "type": "function", "function": {"name": "mask_names", "arguments": json.dumps(arguments)}}
        answer["choices"][0] |= {
            "message": {"role": "assistant", "content": None, "tool_calls": [call]},
            "finish_reason": "tool_calls",
        }
    elif kind == "responses":
        answer["output"] = [
            {
                "type": "function_call",
                "id": "f",
                "call_id": "t",
                "name": "mask_names",
                "arguments": json.dumps(arguments),
            }
        ]
    elif kind == "gemini":
        part = {"functionCall": {"name": "mask_names", "args": arguments}}
        answer["candidates"][0]["content"]["parts"] = [part]
    else:
        call = {"type": "tool_use", "id": "t", "name": "mask_names", "input": arguments}
        answer |= {"content": [call], "stop_reason": "tool_use"}
    return answer


@pytest.mark.parametrize("kind", FORMATS)
def test_a_call_of_a_tool_is_no_empty_answer_and_is_named(serve, learner_in, prompts_of, kind):
    server = serve(calling_a_tool)
    answers = ask(learner_in(kind), prompts_of)
    assert {answer.stop_reason for answer in answers} == {"refused"}
    assert all("called a tool that it does not have (mask_names)" in (answer.error or "") for answer in answers)
    check_books(learner_in(kind), server)


@pytest.mark.parametrize(("content", "text"), [(42, "42"), (4.5, "4.5"), (True, ""), ({"text": "yes"}, "yes")])
def test_content_that_is_a_number_is_its_text(serve, learner_in, prompts_of, content, text):
    def change(kind, answer, _):
        answer["choices"][0]["message"]["content"] = content
        return answer

    serve(change)
    assert {answer.text for answer in ask(learner_in("chat"), prompts_of)} == {text}


@pytest.mark.parametrize(
    ("key", "is_named"),
    [("openai-api/lab/gpt-4.1-mni", True), ("openai-api/lab/gpt-4.1-mini", False), ("anthropic/claude", False)],
)
def test_a_mistyped_name_under_prices_is_named_where_a_cap_needs_the_price(learner_of, key, is_named):
    # the name is known only when it is priced
    learner = learner_of(LAB, max_cost=1.0, prices={key: {"input": 1.0, "output": 2.0}})
    if key == LAB:
        assert learner._price_of_a_similar_name() is None
        return
    with pytest.raises(Exception, match="the price of a call to") as refusal:
        learner._refuse_unknown_prices(will_tune=False)
    assert (f"it has '{key}'" in str(refusal.value)) == is_named

"""What the providers' SDKs compute again at every call, computed once: many calls in flight wait for the processor.

Each of these changes how something is found out, and nothing of what is sent or understood.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tunecurve.learners.hosted.transport.proxies import proxy_in_words


def chat_without_transform(client: Any) -> Callable[..., Awaitable[Any]]:
    """Return what creates a chat completion through an OpenAI client's own `post`.

    The SDK's `create` walks through every message to translate field names, of which this endpoint has none.
    """
    from openai import AsyncStream, Omit
    from openai._types import NotGiven
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

    options_of = {"extra_headers": "headers", "extra_query": "params", "extra_body": "extra_json", "timeout": "timeout"}

    async def create(**named: Any) -> Any:
        given = {key: value for key, value in named.items() if not isinstance(value, Omit | NotGiven)}
        options = {name: given.pop(key) for key, name in options_of.items() if key in given}
        return await client.post(
            "/chat/completions",
            body=given,
            options={name: value for name, value in options.items() if value is not None},
            cast_to=ChatCompletion,
            stream=bool(given.get("stream")),
            stream_cls=AsyncStream[ChatCompletionChunk],
        )

    return create


def remember_sockets() -> None:
    """Have the pool of connections find a connection's socket once: it asks for it, of every idle one, at every call."""
    try:
        from anyio.abc import SocketAttribute
        from httpcore2._backends.anyio import AnyIOStream
        from httpcore2._utils import is_socket_readable
    except ImportError:  # another generation of HTTP client, which may do so by itself
        return
    find = AnyIOStream.get_extra_info
    if getattr(find, "is_ours", False):
        return

    def get_extra_info(self: Any, info: str) -> Any:
        if info != "is_readable":
            return find(self, info)
        if "tunecurve_socket" not in vars(self):
            self.tunecurve_socket = self._stream.extra(SocketAttribute.raw_socket, None)
        return is_socket_readable(self.tunecurve_socket)

    setattr(get_extra_info, "is_ours", True)  # noqa: B010
    setattr(AnyIOStream, "get_extra_info", get_extra_info)  # noqa: B010


def compare_no_fields() -> None:
    """Have google-genai see at once that a name is not among a model's pairs of names and values, which it goes through."""
    from google.genai._common import BaseModel

    def has_pair(model: Any, item: Any) -> bool:
        return not isinstance(item, str) and item in tuple(model)

    setattr(BaseModel, "__contains__", has_pair)  # noqa: B010


def find_proxy_once(client: Any, address: str) -> None:
    """Have a client of google-genai look for proxies once, and into no .netrc: it does both in other threads, for every call."""
    inner = client._api_client
    if proxy_in_words(address) is not None or not inner._use_aiohttp():
        return
    open_session = inner._get_aiohttp_session

    async def session_without_lookups() -> Any:
        session = await open_session()
        session._trust_env = False
        return session

    inner._get_aiohttp_session = session_without_lookups

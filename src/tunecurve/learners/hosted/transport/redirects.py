"""No client goes to another host than the one it was made for: that one would get the rows and the key, and its answers would
be scored. Two ways lead there: redirects, and whole addresses within answers, of a batch's results for instance."""

from __future__ import annotations

from typing import Any

from tunecurve.errors import EnvironmentProblem, how_to_install
from tunecurve.learners.hosted.transport.gateway import Failure
from tunecurve.learners.hosted.transport.odd_answers import Explained


def refuse_redirects(owner: Any) -> int:
    """Make every HTTP client within an SDK's object return a redirect as it is; return how many clients there are."""
    clients = http_clients(owner)
    for client in clients:
        client.follow_redirects = False
        _stay_at_its_host(client)
    return len(clients)


def _stay_at_its_host(client: Any) -> None:
    """Make a client that has an address of its own raise on a request to any other host, before it is sent."""
    home = client.base_url
    hooks = client.event_hooks["request"]
    if not home.host or any(getattr(hook, "stays_at_home", False) for hook in hooks):
        return

    def check(request: Any) -> None:
        there = request.url
        if (there.scheme, there.host, there.port) != (home.scheme, home.host, home.port):
            raise Explained(
                Failure(
                    f"{home.scheme}://{home.netloc.decode()} sends calls on to {there.scheme}://{there.netloc.decode()} by an "
                    "address within its answer; nothing was sent there",
                    is_fatal=True,
                    may_be_billed=True,
                )
            )

    async def check_first(request: Any) -> None:
        check(request)

    hook: Any = check_first if hasattr(client, "aclose") else check
    hook.stays_at_home = True
    client.event_hooks = {**client.event_hooks, "request": [*hooks, hook]}


def http_clients(owner: Any, depth: int = 3) -> list[Any]:
    """Return the clients of httpx or httpx2 within an SDK's object."""
    if hasattr(owner, "follow_redirects") and hasattr(owner, "event_hooks"):
        return [owner]
    if depth == 0 or not hasattr(owner, "__dict__"):
        return []
    return [
        client
        for name, part in list(vars(owner).items())
        if name.rsplit("_", 1)[-1] in ("client", "configuration") or name.endswith("_client")
        for client in http_clients(part, depth - 1)
    ]


def refuse_redirects_of_google(client: Any) -> Any:
    """Make a client of google-genai return a redirect as it is, whichever HTTP library it uses; return the client."""
    inner = client._api_client
    refuse_redirects(inner)
    if inner._use_aiohttp():
        arguments = getattr(inner, "_async_client_session_request_args", None)
        if arguments is None:
            raise EnvironmentProblem(
                "this version of google-genai cannot be kept from following redirects; install one of those that "
                f"pyproject.toml names: {how_to_install('hosted')}"
            )
        arguments["allow_redirects"] = False
    return client


def refuse_redirects_of_storage(client: Any) -> Any:
    """Make a client of google-cloud-storage raise on a redirect; return the client."""
    session = client._http
    session.get_redirect_target = lambda response: None
    return client

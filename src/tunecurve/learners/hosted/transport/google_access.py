"""Where and as whom Google Cloud is called: the project and region of a name, credentials from the environment."""

from __future__ import annotations

import os
import re
from types import SimpleNamespace
from typing import Any

from tunecurve.errors import EnvironmentProblem

DEFAULT_LOCATION = "us-central1"


def place_of(model: str, project: str | None = None, location: str | None = None) -> tuple[str, str]:
    """Return project and location for a model: those in an endpoint's name, else those given, else the environment's.

    A tuned model answers where its endpoint is, which may be another place than the one it was tuned in.

    Raises
    ------
    EnvironmentProblem
        When no project is named anywhere.
    """
    found = re.match(r"projects/([^/]+)/locations/([^/]+)/", model)
    if found:
        return found.group(1), found.group(2)
    project = project or os.environ.get("GOOGLE_CLOUD_PROJECT")
    if not project:
        raise EnvironmentProblem(
            "Vertex AI needs a project: set GOOGLE_CLOUD_PROJECT, or hosted.vertex.project in the study file"
        )
    return project, location or os.environ.get("GOOGLE_CLOUD_LOCATION") or DEFAULT_LOCATION


def tuning_region(project: str | None, location: str | None, tuning_location: str | None) -> tuple[str, str]:
    """Return project and region for tuning jobs.

    Raises
    ------
    EnvironmentProblem
        For `global`, where prompts may be answered and nothing is tuned.
    """
    found, region = place_of("", project, tuning_location or location)
    if region.lower() == "global":
        raise EnvironmentProblem(
            "tuning on Vertex AI needs a region, and `global` has none; set hosted.vertex.location to one, e.g. us-central1, or "
            "hosted.vertex.tuning_location alone: prompting may stay global"
        )
    return found, region


def credentials_from_environment() -> Any | None:
    """Return credentials for the token in $GOOGLE_OAUTH_ACCESS_TOKEN; None: Google's own search for a login."""
    token = os.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN")
    if not token:
        return None
    from google.oauth2.credentials import Credentials

    return Credentials(token=token)


def check_login(asked_as: str) -> None:
    """See that there is a login for Google Cloud.

    Raises
    ------
    EnvironmentProblem
        When there is neither a token in the environment nor one of Google's own logins.
    """
    if os.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN"):
        return
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    except DefaultCredentialsError:
        raise EnvironmentProblem(
            f"model '{asked_as}' needs a login for Google Cloud: run gcloud auth application-default login, or set "
            "GOOGLE_OAUTH_ACCESS_TOKEN"
        ) from None


class _OpenConnections:
    """A client's asynchronous half that stays open when a call leaves its ``async with``."""

    def __init__(self, half: Any) -> None:
        self._half = half

    async def __aenter__(self) -> _OpenConnections:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._half, name)


class _SharedClient:
    """A client of google-genai as one call sees it."""

    def __init__(self, client: Any) -> None:
        self._client, self.aio = client, _OpenConnections(client.aio)
        # The layer hangs its timing hooks on an HTTP client that it believes to be this call's own.
        self._api_client = SimpleNamespace(_async_httpx_client=None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def send_once(api: Any) -> None:
    """Switch off what google-genai does by itself when a connection breaks: to send the request once more, unseen by the ledger.

    The SDK leaves repeats to its retry options where there are any; one attempt is none.
    """
    from google.genai.types import HttpRetryOptions

    make = api._http_options

    def with_one_attempt(config: Any = None) -> Any:
        options = make(config)
        options.retry_options = HttpRetryOptions(attempts=1)
        return options

    api._http_options = with_one_attempt


def share_one_client(api: Any) -> None:
    """Make inspect_ai's Google provider use one client for all calls; it would open and close one a call.

    A new client a call costs a connection, and more processor time than the call's own work: 64 calls in flight then
    wait for the processor, not for the provider.
    """
    make = api.model_client
    clients: list[Any] = []

    def shared(http_options: Any = None) -> Any:
        if not clients:
            clients.append(make(http_options))
        return _SharedClient(clients[0])

    async def close() -> None:
        for client in clients:
            await client.aio.aclose()

    api.model_client, api.aclose = shared, close

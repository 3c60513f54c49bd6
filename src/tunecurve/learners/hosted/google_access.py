"""Where and as whom Google Cloud is called: the project and region of a name, credentials from the environment."""

from __future__ import annotations

import os
import re
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


def credentials_from_environment() -> Any | None:
    """Return credentials for the token in $GOOGLE_OAUTH_ACCESS_TOKEN; None: Google's own search for a login."""
    token = os.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN")
    if not token:
        return None
    from google.oauth2.credentials import Credentials

    return Credentials(token=token)

"""Where and as whom Azure's control plane is called: subscription, resource, and a token that ends after an hour or so."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from urllib.parse import urlsplit

from tunecurve.errors import EnvironmentProblem
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.access import check_key
from tunecurve.privacy.network import is_this_machine, refuse_address
from tunecurve.privacy.redact import keep_secret, redact
from tunecurve.spec.hosted import AzureSpec

TOKEN = "AZURE_MANAGEMENT_TOKEN"
# Other clouds have another address, e.g. https://management.usgovcloudapi.net.
ADDRESS, USUAL_ADDRESS = "AZURE_MANAGEMENT_URL", "https://management.azure.com"
_LOGIN_SECONDS = 60
# A token that ends sooner is renewed, where that is possible.
_FRESH_SECONDS = 300.0


def is_at_azure(name: HostedName) -> bool:
    """Return whether the address of a server of OpenAI's format is that of a resource of Azure."""
    return ".azure." in (urlsplit(name.base_url() or "").hostname or "")


def management_url() -> str:
    """Return the address of Azure's control plane.

    Raises
    ------
    EnvironmentProblem
        For one that is none, or over which anybody between could read the token.
    """
    url = os.environ.get(ADDRESS) or USUAL_ADDRESS
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EnvironmentProblem(
            f"{ADDRESS} is no address of a server: '{redact(url)}'; it begins with https:// and a host"
        )
    if parts.scheme == "http" and not is_this_machine(parts.hostname):
        raise EnvironmentProblem(f"{ADDRESS}: the token would go to {parts.hostname} over http; use an https address")
    return url


def resource_path(name: HostedName, settings: AzureSpec) -> str:
    """Return the path of the resource at the control plane.

    Raises
    ------
    EnvironmentProblem
        With what is not set.
    """
    subscription = settings.subscription or os.environ.get("AZURE_SUBSCRIPTION_ID")
    group = settings.resource_group or os.environ.get("AZURE_RESOURCE_GROUP")
    host = urlsplit(name.base_url() or "").hostname or ""
    resource = settings.resource or (host.split(".")[0] if ".azure." in host else None)
    missing = [
        words
        for words, value in (
            ("AZURE_SUBSCRIPTION_ID (or hosted.azure.subscription)", subscription),
            ("AZURE_RESOURCE_GROUP (or hosted.azure.resource_group)", group),
            ("hosted.azure.resource", resource),
        )
        if not value
    ]
    if missing:
        raise EnvironmentProblem(
            f"tuned models of '{name.full_name}' answer from a deployment that is created and deleted at Azure's control plane; "
            f"set {', '.join(missing)}, or hosted.azure.deploy_as: none to deploy by hand"
        )
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.CognitiveServices/accounts/{resource}"


def check_token(seconds: float) -> None:
    """Raise EnvironmentProblem when there is no way to a token, or the one that is set ends before the deployment would."""
    token = os.environ.get(TOKEN)
    if not token and shutil.which("az") is None:
        raise EnvironmentProblem(
            f"deployments need a token of Azure's control plane: log in with the Azure command line (az login), or set {TOKEN} "
            "to what `az account get-access-token --query accessToken -o tsv` prints"
        )
    check_key(TOKEN, token or "")
    end = token_end(token or "")
    if end is not None and end - time.time() < seconds:
        raise EnvironmentProblem(
            f"the token in {TOKEN} ends in {max(0.0, end - time.time()) / 60:.0f} min, and a deployment that costs by the hour "
            f"could then not be deleted ({seconds / 60:.0f} min are assumed, hosting.minutes); set a fresh one, or log in with "
            "the Azure command line (az login) and unset it"
        )


class ManagementToken:
    """The token of the control plane: from the environment, else from the Azure command line, renewed before it ends."""

    def __init__(self) -> None:
        self._token, self._end = "", 0.0

    def __call__(self) -> str:
        """Return a token.

        Raises
        ------
        EnvironmentProblem
            When there is none.
        """
        if os.environ.get(TOKEN):
            return os.environ[TOKEN]
        if self._end - time.time() < _FRESH_SECONDS:
            self._token = _token_of_command_line()
            self._end = token_end(self._token) or time.time() + 2 * _FRESH_SECONDS
        return self._token


def _token_of_command_line() -> str:
    refuse_address("Azure's control plane", None)
    command = [
        "az",
        "account",
        "get-access-token",
        "--resource",
        management_url(),
        "--query",
        "accessToken",
        "-o",
        "tsv",
    ]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=_LOGIN_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentProblem(
            f"the Azure command line gives no token ({type(error).__name__}); run: az login"
        ) from None
    if found.returncode or not found.stdout.strip():
        said = " ".join(found.stderr.split())[:200] or f"exit code {found.returncode}"
        raise EnvironmentProblem(f"the Azure command line gives no token ({said}); run: az login")
    token = found.stdout.strip()
    keep_secret(token)
    return token


def token_end(token: str) -> float | None:
    """Return when a token ends, in seconds since 1970, as it says itself; None where it does not."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (ValueError, KeyError, TypeError):
        return None

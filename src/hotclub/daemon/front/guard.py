"""What stands before the API on a TCP address: a password, and only requests that were meant for us.

A web page that somebody has open must not be able to talk to hotclub. Its requests carry the name it was loaded
under in `Host` (DNS rebinding changes the address behind a name, never the name), and it cannot send JSON to another
site without asking first. So: known names only, and commands only as JSON. The Unix socket needs none of this; its
mode is 0600.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import socket

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from hotclub.daemon.front.answers import json
from hotclub.model.spec import Control


class Guard:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, control: Control) -> None:
        self._app = app
        self._expected = f"{control.username}:{control.password}".encode()
        self._names = {"localhost", control.host.lower(), socket.gethostname().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        answer: ASGIApp = self._app
        if not self._is_known(headers.get("host", "")):
            error = "this name is not known here"
            answer = json({"error": error, "hint": "use localhost, the host's name or an IP address"}, 421)
        elif not self._is_allowed(headers.get("authorization", "")):
            answer = json({"error": "username or password is missing or wrong", "hint": "see [control]"}, 401)
            answer.headers["WWW-Authenticate"] = 'Basic realm="hotclub", charset="UTF-8"'
        elif scope["method"] not in ("GET", "HEAD") and not _is_json(headers.get("content-type", "")):
            answer = json({"error": "commands are sent as application/json", "hint": "set Content-Type"}, 415)
        await answer(scope, receive, send)

    def _is_known(self, host: str) -> bool:
        name = host.lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        return name in self._names or _is_address(name)

    def _is_allowed(self, authorization: str) -> bool:
        scheme, _, credentials = authorization.partition(" ")
        try:
            given = base64.b64decode(credentials.strip(), validate=True)
        except (binascii.Error, ValueError):
            given = b""
        return hmac.compare_digest(given, self._expected) and scheme.lower() == "basic"


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

"""The pages of a registry over HTTP, for one person on this machine, until Ctrl-C."""

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from urllib.parse import parse_qs

from invoke_buildx.catalogue import read_repository
from invoke_buildx.engine.distribution import Registry
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import BuildxError, EngineError, UsageError
from invoke_buildx.page import message_page, policy, registry_page, removal_page
from invoke_buildx.project.project import Project
from invoke_buildx.removal import plan_removal, remove
from invoke_buildx.shown import Shown, read_one_again, read_shown

ADDRESS = "127.0.0.1"
OUR_NAMES = ("127.0.0.1", "localhost", "[::1]")
LARGEST_FORM = 1 << 20  # bytes
SILENCE = 30  # seconds that a browser may keep a connection without a word
PATIENCE = 10  # what was read is shown for so many times as long as reading it took
# Nobody else's page may frame, read or learn the address of ours.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": policy("'self'") + "; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not `no-referrer`: a form would then name `null` as its origin.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Request:
    """What a browser asks: `target` is path and query, the names of `headers` in any case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """What it is answered: a page, or where to go on."""

    status: int
    page: str = ""
    location: str = ""


class Site:
    """What is answered to whom.

    Each address begins with a secret, which neither another site (CSRF) nor another user of this
    machine knows. The Host must be a name of this machine, which it is not when somebody else's
    name has been pointed here (DNS rebinding).
    """

    def __init__(self, project: Project, machine: Machine, registry: Registry) -> None:
        self.project, self.machine, self.registry = project, machine, registry
        self.secret = secrets.token_urlsafe(18)
        # What the browser is started with, where other users can see it, is good for one use.
        self.ticket = secrets.token_urlsafe(18)
        self.said = ""
        self._shown: Shown | None = None
        self._good_until = 0.0

    def read(self) -> Shown:
        """What the registry holds now, or held just before: a large one takes seconds to read."""
        began = time.monotonic()
        if self._shown is None or began > self._good_until:
            self._shown = read_shown(self.project, self.machine, self.registry)
            ended = time.monotonic()
            self._good_until = ended + PATIENCE * (ended - began)
        return self._shown

    def answer(self, request: Request) -> Reply:
        """The answer to anything that anybody may send."""
        refusal = _refusal(request)
        if refusal:
            return _message(403, "Refused", refusal)
        path, _, query = request.target.partition("?")
        if self.ticket and path == f"/{self.ticket}":
            self.ticket = ""
            return Reply(303, location=f"/{self.secret}/")
        start, _, rest = path.removeprefix("/").partition("/")
        if not secrets.compare_digest(start.encode(), self.secret.encode()):
            return _message(404, "Not here", "Take the address that the terminal shows.")
        try:
            return self._page(request, rest, query)
        except UsageError as problem:
            return _message(400, "This cannot be done", str(problem))
        except BuildxError as problem:
            return _message(502, "This did not work", str(problem))

    def _page(self, request: Request, path: str, query: str) -> Reply:
        if (request.method, path) == ("GET", ""):
            if query == "again":
                self._shown = None
                return Reply(303, location="./")
            said, self.said = self.said, ""
            return Reply(200, registry_page(self.read(), said, can_delete=True))
        if (request.method, path) == ("GET", "delete"):
            return self._question(parse_qs(query))
        if (request.method, path) == ("POST", "delete"):
            return self._deletion(parse_qs(request.body.decode(errors="replace")))
        return _message(404, "Not here", "There is no such page.")

    def _question(self, form: Mapping[str, list[str]]) -> Reply:
        """What would go, and two buttons."""
        found = read_repository(self.registry, _one(form, "repository"))
        tags = form.get("tag", [])
        for tag in tags:
            if tag not in found.tags:
                raise UsageError(f"{found.name} has no tag '{tag}' any more.")
        if not tags:
            raise UsageError("Choose the tags that shall go.")
        return Reply(200, removal_page(self.registry.host, found, plan_removal(found, tags)))

    def _deletion(self, form: Mapping[str, list[str]]) -> Reply:
        """Delete what was shown, unless it has become something else meanwhile."""
        found = read_repository(self.registry, _one(form, "repository"))
        wanted = dict(word.partition("@")[::2] for word in form.get("image", []))
        if not wanted:
            raise UsageError("Nothing was chosen.")
        for tag, digest in wanted.items():
            if found.tags.get(tag) != digest:
                raise UsageError(
                    f"{found.name}:{tag} is not what it was when you were asked. Look again."
                )
        shown, self._shown = self.read(), None  # until it is known what has become of it
        stayed = remove(self.registry, self.machine.shell, plan_removal(found, wanted))
        self._shown = read_one_again(shown, self.project, self.machine, self.registry, found.name)
        gone = [f"{found.name}:{tag}" for tag in wanted if tag not in stayed]
        kept = [f"{found.name}:{tag}" for tag in wanted if tag in stayed]
        self.said = f"Deleted: {', '.join(gone)}. " if gone else ""
        if kept:
            self.said += f"Still there, since another tag has the same manifest: {', '.join(kept)}."
        return Reply(303, location="./")


def serve(site: Site, port: int, ready: Callable[[str], None]) -> None:
    """Answer on this machine's loopback address until interrupted; port 0 is any free one.

    `ready` is given the server's own address when it can be asked. Raises `EngineError`.
    """
    try:
        server = _Server((ADDRESS, port), _handler(site))
    except (OSError, OverflowError) as problem:
        why = getattr(problem, "strerror", None) or problem
        raise EngineError(
            f"Nothing can listen on port {port} ({why}). Take any free one: --port 0"
        ) from None
    with server:
        ready(f"http://{ADDRESS}:{server.server_address[1]}")
        server.serve_forever()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    """What speaks HTTP for the site, one request at a time."""
    alone = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        timeout = SILENCE

        def do_GET(self) -> None:
            self._reply(b"")

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > LARGEST_FORM:
                self.send_error(413)
                return
            self._reply(self.rfile.read(int(length)))

        def _reply(self, body: bytes) -> None:
            with alone:
                reply = site.answer(
                    Request(self.command, self.path, self.headers, body)  # type: ignore[arg-type]
                )
            data = reply.page.encode()
            # A browser that has gone needs no answer.
            with suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(reply.status)
                if reply.location:
                    self.send_header("Location", reply.location)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(data)))
                for name, value in HEADERS.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, *words: object) -> None:
            """Write nothing: the paths hold the secret."""

    return Handler


class _Server(ThreadingTCPServer):
    """A thread a connection, since browsers keep some that they do not use."""

    allow_reuse_address = True
    daemon_threads = True


def _refusal(request: Request) -> str:
    """Why a request must not be answered, whatever it asks; empty if it may."""
    host = request.headers.get("Host", "")
    if host.rpartition(":")[0] not in OUR_NAMES and host not in OUR_NAMES:
        return "This server answers to its own name only."
    origin = request.headers.get("Origin")
    if request.method != "GET" and origin is not None and origin != f"http://{host}":
        return "A page of another site has sent this."
    return ""


def _message(status: int, title: str, text: str) -> Reply:
    return Reply(status, message_page(title, text))


def _one(form: Mapping[str, list[str]], name: str) -> str:
    values = form.get(name, [])
    if len(values) != 1:
        raise UsageError(f"The form has no {name}.")
    return values[0]

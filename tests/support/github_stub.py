"""A stub of GitHub's REST API on loopback, as strict as the real one where it matters.

It knows accounts by their tokens, comments, issues, pull requests of a commit and GraphQL's viewer,
gives pages with a Link header, and plays faults in the order they were asked for.
`python -m tests.support.github_stub --port 0` runs it as a process: it prints its port,
`GET /_stub/state` shows all it holds and every request it got, and `POST /_stub/script` asks
for faults.
"""

import argparse
import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPOSITORY = "acme/identity"
BOT = "token-of-a-job"  # an installation token: `GET /user` refuses it
HUMAN = "token-of-a-person"
READER = "token-of-a-fork"  # reads and writes nothing
LONGEST = 65_536
BOT_ID, HUMAN_ID = 41_898_282, 7


@dataclass(frozen=True)
class Account:
    id: int
    login: str
    type: str = "User"


ACCOUNTS = {
    BOT: Account(BOT_ID, "github-actions[bot]", "Bot"),
    HUMAN: Account(HUMAN_ID, "mallory"),
    READER: Account(BOT_ID, "github-actions[bot]", "Bot"),
}


@dataclass
class Fault:
    """What one request gets instead: an answer, or no answer after it was done (`lost`)."""

    method: str = "GET"
    path: str = ""  # a regular expression that is searched
    status: int = 503
    message: str = ""
    reason: str = ""  # what GitHub says of a part of the request, beside a message that says little
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False
    done: bool = False  # whether the request is carried out all the same
    times: int = 1


@dataclass
class State:
    """All that the stub holds; a test may put things in."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    pulls: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by commit
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)  # METHOD path
    page_size: int = 100
    next_id: int = 1000

    def add_comment(self, number: int, body: str, token: str = BOT) -> dict[str, Any]:
        self.next_id += 1
        comment = {
            "id": self.next_id,
            "issue_number": number,
            "body": body,
            "user": asdict(ACCOUNTS[token]),
        }
        self.comments.append(comment)
        return comment

    def add_issue(self, title: str, body: str, token: str = BOT, **more: object) -> dict[str, Any]:
        self.next_id += 1
        issue = {
            "id": self.next_id,
            "number": len(self.issues) + 1,
            "title": title,
            "body": body,
            "state": "open",
            "user": asdict(ACCOUNTS[token]),
            **more,
        }
        self.issues.append(issue)
        return issue

    def merge(self, number: int, commit: str, *, merged: bool = True) -> None:
        pull = {"number": number, "merge_commit_sha": commit}
        pull["merged_at"] = f"2026-03-01T12:00:{number % 60:02d}Z" if merged else None
        self.pulls.setdefault(commit, []).append(pull)

    def writes(self) -> list[str]:
        """Every request that could change something."""
        return [r for r in self.requests if not r.startswith("GET") and "/graphql" not in r]

    def bodies(self, number: int) -> list[str]:
        """The comments of a pull request, oldest first."""
        return [c["body"] for c in self.comments if c["issue_number"] == number]


class Refused(Exception):
    def __init__(self, status: int, message: str, reason: str = "") -> None:
        self.status, self.answer = status, _refusal(message, reason)


class Service:
    """What the API does, without HTTP."""

    def __init__(self, state: State) -> None:
        self.state = state

    def answer(self, method: str, target: str, token: str, body: Any) -> tuple[Any, dict[str, str]]:
        url = urlsplit(re.sub(r"^/api(/v3)?/", "/", target))  # as GitHub Enterprise has it
        account = ACCOUNTS.get(token)
        if account is None:
            raise Refused(401, "Bad credentials")
        if url.path == "/graphql":
            return {"data": {"viewer": {"login": account.login, "databaseId": account.id}}}, {}
        if url.path == "/user":
            if account.type == "Bot":
                raise Refused(403, "Resource not accessible by integration")
            return asdict(account), {}
        root = f"/repos/{REPOSITORY}"
        if not url.path.startswith(root):
            raise Refused(404, "Not Found")
        if method != "GET" and token == READER:
            raise Refused(403, "Resource not accessible by integration")
        return self._route(method, url.path.removeprefix(root), url.query, token, body)

    def _route(
        self, method: str, path: str, query: str, token: str, body: Any
    ) -> tuple[Any, dict[str, str]]:
        state = self.state
        if found := re.fullmatch(r"/issues/(comments/)?(\d+)", path):
            key, items = ("id", state.comments) if found[1] else ("number", state.issues)
            if method == "DELETE":
                return _deleted(items, key, int(found[2])), {}
            return _changed(items, key, int(found[2]), body), {}
        if method == "POST":
            return self._create(path, token, body), {}
        return self._page(self._listed(path, query), path, query)

    def _create(self, path: str, token: str, body: Any) -> Any:
        if found := re.fullmatch(r"/issues/(\d+)/comments", path):
            return self.state.add_comment(int(found[1]), _checked(body["body"]), token)
        if path != "/issues":
            raise Refused(404, "Not Found")
        return self.state.add_issue(body["title"], _checked(body["body"]), token)

    def _listed(self, path: str, query: str) -> list:
        state = self.state
        if found := re.fullmatch(r"/issues/(\d+)/comments", path):
            return [c for c in state.comments if c["issue_number"] == int(found[1])]
        if found := re.fullmatch(r"/commits/([0-9a-f]+)/pulls", path):
            if found[1] not in state.pulls:
                raise Refused(422, f"No commit found for SHA: {found[1]}")
            return state.pulls[found[1]]
        if path != "/issues":
            raise Refused(404, "Not Found")
        wanted = parse_qs(query).get("state", ["open"])[0]
        return [i for i in state.issues if wanted in ("all", i["state"])]

    def _page(self, items: list, path: str, query: str) -> tuple[Any, dict[str, str]]:
        requested = parse_qs(query)
        number = int(requested.get("page", ["1"])[0])
        size = min(self.state.page_size, int(requested.get("per_page", ["30"])[0]))
        part = items[(number - 1) * size : number * size]
        more = number * size < len(items)
        link = {"Link": f'<{path}?page={number + 1}>; rel="next"'} if more else {}
        return part, link


def _checked(body: str) -> str:
    if len(body) > LONGEST:
        raise Refused(422, "Validation Failed", "Body is too long (maximum is 65536 characters)")
    return body


def _refusal(message: str, reason: str) -> dict[str, Any]:
    """The shape of GitHub's errors: the reason is one level down."""
    part = {"resource": "IssueComment", "code": "unprocessable", "field": "data"}
    return {"message": message, **({"errors": [{**part, "message": reason}]} if reason else {})}


def _changed(items: list[dict[str, Any]], key: str, value: int, body: Any) -> dict[str, Any]:
    found = next((item for item in items if item[key] == value), None)
    if found is None:
        raise Refused(404, "Not Found")
    if "body" in body:
        _checked(body["body"])
    found.update(body)
    return found


def _deleted(items: list[dict[str, Any]], key: str, value: int) -> dict[str, Any]:
    found = next((item for item in items if item[key] == value), None)
    if found is None:
        raise Refused(404, "Not Found")
    items.remove(found)
    return {}


class Handler(BaseHTTPRequestHandler):
    """HTTP around the service."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits for an acknowledgement of its head
    service: Service
    lock: threading.Lock

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PATCH(self) -> None:
        self._serve("PATCH")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        length = int(self.headers.get("content-length", "0"))
        raw = self.rfile.read(length)
        body = json.loads(raw) if raw else None
        with self.lock:
            if self.path.startswith("/_stub/"):
                self._stub(body)
                return
            self.service.state.requests.append(f"{method} {self.path}")
            fault = self._fault(method)
            if fault is None or fault.done:
                status, answer, headers = self._answer(method, body)
            if fault is not None and fault.lost:
                self.close_connection = True
                return
            if fault is not None:
                answer = _refusal(fault.message, fault.reason)
                status, headers = fault.status, fault.headers
                if self.path.endswith("/graphql") and status == 200:
                    answer = {"errors": [answer]}  # GraphQL refuses with 200
        self._send(status, answer, headers)

    def _answer(self, method: str, body: Any) -> tuple[int, Any, dict[str, str]]:
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            answer, headers = self.service.answer(method, self.path, token, body)
        except Refused as refused:
            return refused.status, refused.answer, {}
        made = method == "POST" and not self.path.endswith("/graphql")
        if method == "DELETE":
            return 204, None, headers
        return (201 if made else 200), answer, headers

    def _fault(self, method: str) -> Fault | None:
        for fault in self.service.state.faults:
            if fault.times and fault.method == method and re.search(fault.path, self.path):
                fault.times -= 1
                return fault
        return None

    def _stub(self, body: Any) -> None:
        if self.path == "/_stub/script":
            self.service.state.faults += [Fault(**fault) for fault in body]
        if self.path == "/_stub/merge":
            self.service.state.merge(body["number"], body["commit"])
        self._send(200, asdict(self.service.state), {})

    def _send(self, status: int, answer: Any, headers: dict[str, str]) -> None:
        text = b"" if status == 204 else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""


@dataclass
class Stub:
    """A running stub; `environ` is what a job would have."""

    url: str
    state: State

    def environ(self, token: str = BOT) -> dict[str, str]:
        return {
            "GITHUB_API_URL": self.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_TOKEN": token,
        }


@contextmanager
def github_stub(*, port: int = 0) -> Iterator[Stub]:
    """Serve until the block ends."""
    state = State()
    handler = type("Bound", (Handler,), {"service": Service(state), "lock": threading.Lock()})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield Stub(f"http://127.0.0.1:{server.server_port}", state)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    parser = argparse.ArgumentParser(description="a stub of GitHub's REST API")
    parser.add_argument("--port", type=int, default=0)
    with github_stub(port=parser.parse_args().port) as stub:
        sys.stdout.write(f"{urlsplit(stub.url).port}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()

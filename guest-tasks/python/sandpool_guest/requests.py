"""HTTP requests that the host grants: behind `urllib.request`, and as `fetch`."""

import builtins

__builtins__ = dict(vars(builtins))

import email.message
import http.client
import io
import json as json_module
import urllib.error
import urllib.parse
import urllib.request
import urllib.response

from componentize_py_types import Err
from wit_world.imports import outgoing_handler, streams
from wit_world.imports import wasi_http_types as types

from . import output

_CHUNK = 4096
_READ = 65536
_METHODS = {
    "GET": types.Method_Get,
    "HEAD": types.Method_Head,
    "POST": types.Method_Post,
    "PUT": types.Method_Put,
    "DELETE": types.Method_Delete,
    "CONNECT": types.Method_Connect,
    "OPTIONS": types.Method_Options,
    "TRACE": types.Method_Trace,
    "PATCH": types.Method_Patch,
}
# The host writes these itself.
_NOT_SENT = {"connection", "content-length", "host", "transfer-encoding", "keep-alive", "upgrade"}


class Response:
    """The answer to a request."""

    def __init__(self, url, status, headers, content):
        self.url = url
        self.status = self.status_code = status
        self.reason = http.client.responses.get(status, "")
        self.headers = headers
        self.content = content

    @property
    def ok(self):
        return 200 <= self.status < 300

    @property
    def text(self):
        return self.content.decode(self.headers.get_content_charset() or "utf-8", "replace")

    def json(self):
        return json_module.loads(self.content)

    def raise_for_status(self):
        if self.status >= 400:
            raise urllib.error.HTTPError(
                self.url, self.status, self.reason, self.headers, io.BytesIO(self.content)
            )

    def __repr__(self):
        return f"<Response {self.status} {self.url}>"


def fetch(url, method=None, headers=None, body=None, json=None):
    """Sends an HTTP request, if the host grants it, and returns the response, which has
    `status`, `ok`, `headers`, `text`, `content` and `json()`."""
    headers = dict(headers or {})
    if json is not None:
        body = json_module.dumps(json)
        headers.setdefault("Content-Type", "application/json")
    if isinstance(body, str):
        body = body.encode()
    return send(method or ("GET" if body is None else "POST"), url, headers, body)


def send(method, url, headers, body):
    """Sends a request and reads the response to its end. Raises `URLError`."""
    output.flush()
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise urllib.error.URLError(f"`{url}` is no http or https address")
    fields = [
        (name, value.encode("latin-1") if isinstance(value, str) else bytes(value))
        for name, value in headers.items()
        if name.lower() not in _NOT_SENT
    ]
    try:
        request = types.OutgoingRequest(types.Fields.from_list(fields))
        method = method.upper()
        request.set_method(_METHODS[method]() if method in _METHODS else types.Method_Other(method))
        request.set_scheme(types.Scheme_Https() if parts.scheme == "https" else types.Scheme_Http())
        request.set_authority(parts.netloc.rpartition("@")[2])
        path = parts.path or "/"
        request.set_path_with_query(f"{path}?{parts.query}" if parts.query else path)
        return _exchange(request, url, body)
    except Err as e:
        reason = _reason(e.value, method, url)
    raise urllib.error.URLError(reason)


def _exchange(request, url, body):
    outgoing = request.body()
    future = outgoing_handler.handle(request, None)
    if body:
        with outgoing.write() as stream:
            for start in range(0, len(body), _CHUNK):
                stream.blocking_write_and_flush(body[start : start + _CHUNK])
    types.OutgoingBody.finish(outgoing, None)
    with future.subscribe() as ready:
        ready.block()
    answer = future.get()
    # A result in a result: that of asking once, and that of the request.
    for _ in range(2):
        if isinstance(answer, Err):
            raise answer
        answer = answer.value
    headers = http.client.HTTPMessage()
    for name, value in answer.headers().entries():
        headers[name] = value.decode("latin-1")
    status = answer.status()
    return Response(url, status, headers, _content(answer))


def _content(response):
    body = response.consume()
    chunks = []
    with body, body.stream() as stream:
        while True:
            try:
                chunks.append(stream.blocking_read(_READ))
            except Err as e:
                if isinstance(e.value, streams.StreamError_Closed):
                    return b"".join(chunks)
                raise


def _reason(error, method, url):
    name = type(error).__name__
    if "HttpRequestDenied" in name:
        return (
            f"not available in this sandbox: {method} {url} was not granted "
            f"(the host can grant it with `--http '{method} {url}'`)"
        )
    if "LastOperationFailed" in name:
        return f"the response ended early: {error.value.to_debug_string()}"
    words = name.removeprefix("ErrorCode_")
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in words).strip()
    detail = getattr(error, "value", None)
    return f"{method} {url}: {words}" + (f": {detail}" if detail is not None else "")


def _urllib_open(self, request):
    headers = dict(request.unredirected_hdrs)
    headers.update(request.headers)
    body = request.data
    if body is not None and not isinstance(body, (bytes, bytearray)):
        body = body.read() if hasattr(body, "read") else b"".join(body)
    answer = send(request.get_method(), request.full_url, headers, body)
    response = urllib.response.addinfourl(
        io.BytesIO(answer.content), answer.headers, answer.url, answer.status
    )
    response.msg = response.reason = answer.reason
    response.getheader = answer.headers.get
    response.getheaders = answer.headers.items
    return response


def install():
    urllib.request.HTTPHandler.http_open = _urllib_open
    urllib.request.HTTPHandler.https_open = _urllib_open
    urllib.request.HTTPHandler.https_request = urllib.request.HTTPHandler.http_request
    # No environment variable names a proxy here.
    urllib.request.getproxies = dict
    Response.__module__ = fetch.__module__ = "builtins"
    builtins.fetch = fetch

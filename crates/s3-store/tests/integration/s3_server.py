"""S3 on 127.0.0.1: moto in this process, with what it lacks, and with faults.

Prints its port, and ends with its standard input. What moto lacks and is done here, by the Amazon S3 API Reference:
- it looks whether a condition holds and then writes, with other requests in between; here requests come one after the
  other, as those on an object do in S3;
- If-Match of CompleteMultipartUpload, and x-amz-copy-source-if-match.

There are the buckets `shop` and `deaf`; the second passes over conditions, as old servers do. A test asks for a fault by
POST /of-the-test with {"method", "path", "fault"}: it is for the next request of that method whose path ends so. Parts have
a method of their own here, and so has the request that completes an upload.
"""

import io
import json
import os
import socket
import sys
import threading
import urllib.parse

from werkzeug.serving import make_server

# Before moto is imported: it would look for credentials.
os.environ.update(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing", AWS_DEFAULT_REGION="eu-west-1")
from moto.core.models import DEFAULT_ACCOUNT_ID  # noqa: E402
from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication, MotoRequestHandler, create_backend_app)
from moto.s3.models import s3_backends  # noqa: E402

ERRORS = {
    "deny": (403, "AccessDenied"),
    "conflict": (409, "ConditionalRequestConflict"),
    "slow down": (503, "SlowDown"),
    "expired": (400, "ExpiredToken"),
    "elsewhere": (301, "PermanentRedirect"),
    "unknown": (501, "NotImplemented"),
}


class Quiet(MotoRequestHandler):
    def log_request(self, *_):
        pass


class S3:
    def __init__(self):
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        self._faults = []
        for bucket in ("shop", "deaf"):
            s3_backends[DEFAULT_ACCOUNT_ID]["aws"].create_bucket(bucket, "eu-west-1")

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        path = environ["PATH_INFO"].encode("latin-1").decode()
        if path == "/of-the-test":
            return self._of_the_test(json.loads(body), start_response)
        with self._lock:
            fault = self._fault(method_of(environ), path)
            if fault in ERRORS:
                return error(*ERRORS[fault], start_response, environ["REQUEST_METHOD"])
            if fault.startswith("first "):
                self._put(environ, fault.removeprefix("first ").encode())
            if path.startswith("/deaf/"):
                environ.pop("HTTP_IF_NONE_MATCH", None)
                environ.pop("HTTP_IF_MATCH", None)
            if not self._conditions_hold(environ, path):
                return error(412, "PreconditionFailed", start_response, environ["REQUEST_METHOD"])
            told = []
            answer = b"".join(self._moto(environ, lambda *arguments: told.append(arguments)))
        if fault == "lose":
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        start_response(*told[0][:2])
        if fault == "cut":
            return cut(answer, environ["werkzeug.socket"])
        return [answer]

    def _of_the_test(self, wanted, start_response):
        with self._lock:
            if "fault" in wanted:
                self._faults.append(wanted)
            left = [fault for fault in self._faults if fault["path"] == wanted["path"]]
        answer = json.dumps({"left": len(left)}).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
        return [answer]

    def _fault(self, method, path):
        for fault in self._faults:
            if fault["method"] == method and path.endswith(fault["path"]):
                self._faults.remove(fault)
                return fault["fault"]
        return ""

    def _put(self, environ, contents):
        """Somebody else is quicker."""
        bucket, key = environ["PATH_INFO"].encode("latin-1").decode().lstrip("/").split("/", 1)
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, key, contents)

    @staticmethod
    def _conditions_hold(environ, path):
        conditions = []
        if method_of(environ) == "COMPLETE" and "HTTP_IF_MATCH" in environ:
            conditions.append((path, environ["HTTP_IF_MATCH"]))
        if "HTTP_X_AMZ_COPY_SOURCE_IF_MATCH" in environ:
            source = urllib.parse.unquote(environ["HTTP_X_AMZ_COPY_SOURCE"])
            conditions.append((source, environ["HTTP_X_AMZ_COPY_SOURCE_IF_MATCH"]))
        for path, etag in conditions:
            found = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].get_object(*path.lstrip("/").split("/", 1))
            if found is not None and found.etag.strip('"') != etag.strip('"'):
                return False
        return True


def method_of(environ):
    method, query = environ["REQUEST_METHOD"], urllib.parse.parse_qs(environ["QUERY_STRING"])
    if method == "POST" and "uploadId" in query:
        return "COMPLETE"
    return "PART" if method == "PUT" and "partNumber" in query else method


def error(status, code, start_response, method):
    headers = [("Content-Type", "application/xml"), ("x-amz-bucket-region", "ap-south-1")]
    start_response(f"{status} {code}", headers)
    text = f"<Error><Code>{code}</Code><Message>of the test</Message></Error>"
    return [] if method == "HEAD" else [text.encode()]


def cut(answer, connection):
    yield answer[:len(answer) // 2]
    connection.shutdown(socket.SHUT_RDWR)


def main():
    server = make_server("127.0.0.1", 0, S3(), threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

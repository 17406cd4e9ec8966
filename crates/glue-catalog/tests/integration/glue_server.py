"""The Glue Data Catalog on 127.0.0.1: moto in this process, made stricter where its documentation says so, with faults.

Prints its port, and ends with its standard input. What moto leaves out and is done here, by the AWS Glue Web API Reference:
- UpdateTable with a VersionId that is not the table's changes nothing (ConcurrentModificationException);
- GetPartitions gives pages, and no columns if they are not wanted; BatchGetPartition may leave keys for the next request;
- limits: 100 partitions a BatchCreatePartition, 1,000 a BatchGetPartition, comments of 255 characters;
- requests that emr/iam/node-glue.json does not allow are refused.

A test asks for a fault by POST /of-the-test with {"database", "operation", "fault"}: it is for the next request of that kind.
"""

import http
import io
import json
import os
import pathlib
import socket
import sys
import threading

from werkzeug.serving import make_server

# Before moto is imported: it would look for credentials.
os.environ.update(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing", AWS_DEFAULT_REGION="eu-west-1")
from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication, MotoRequestHandler, create_backend_app)

POLICY = pathlib.Path(__file__).parents[4] / "emr" / "iam" / "node-glue.json"
PAGE = 30


class Quiet(MotoRequestHandler):
    def log_request(self, *_):
        pass


class Glue:
    def __init__(self):
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        self._faults = {}
        self._allowed = {action.removeprefix("glue:") for statement in json.loads(POLICY.read_text())["Statement"]
                         for action in statement["Action"]}

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if environ["PATH_INFO"] == "/of-the-test":
            return self._of_the_test(json.loads(body), start_response)
        operation = environ.get("HTTP_X_AMZ_TARGET", "").removeprefix("AWSGlue.")
        request = json.loads(body)
        # One after the other: moto looks and then changes, and others must not come in between.
        with self._lock:
            status, answer = self._answer(environ, operation, request)
        if answer is None:
            # The connection ends, and nobody learns what has happened.
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            start_response("200 OK", [])
            return []
        return say(start_response, status, answer, "application/x-amz-json-1.1")

    def _of_the_test(self, wanted, start_response):
        with self._lock:
            kind = (wanted["database"], wanted["operation"])
            if "fault" in wanted:
                self._faults.setdefault(kind, []).append(wanted["fault"])
            left = sum(map(len, (faults for (database, _), faults in self._faults.items() if database == wanted["database"])))
        return say(start_response, 200, {"left": left}, "application/json")

    def _answer(self, environ, operation, request):
        database = request.get("DatabaseName") or request.get("Name") or request["DatabaseInput"]["Name"]
        faults = self._faults.get((database, operation), [])
        fault = faults.pop(0) if faults else ""
        if operation not in self._allowed or fault == "deny":
            return 400, error("AccessDeniedException", f"User: arn:aws:iam::1:user/x is not authorized to perform: glue:{operation}")
        if fault == "throttle":
            return 400, error("ThrottlingException", "Rate exceeded")
        if fault == "break":
            return 500, error("InternalServiceException", "of the test")
        if fault.startswith("refuse "):
            return 400, error(fault.removeprefix("refuse "), "of the test")
        if fault == "first":
            self._somebody_else_is_first(environ, operation, request)
        if refusal := self._refusal(environ, operation, request):
            return 400, refusal
        status, answer = self._page(environ, operation, request)
        return (status, None) if fault == "lose" else (status, answer)

    def _somebody_else_is_first(self, environ, operation, request):
        """Does the same, or to a view something else."""
        other = json.loads(json.dumps(request))
        if operation == "UpdateTable":
            other["TableInput"]["Parameters"]["rfm.run_id"] = "run-of-another"
        if operation == "UpdatePartition":
            operation, other = "DeletePartition", {**request, "PartitionValues": request["PartitionValueList"]}
        self._ask(environ, operation, other)

    def _refusal(self, environ, operation, request):
        if operation == "UpdateTable" and "VersionId" in request:
            names = {"DatabaseName": request["DatabaseName"], "Name": request["TableInput"]["Name"]}
            status, found = self._ask(environ, "GetTable", names)
            if status == 200 and found["Table"]["VersionId"] != request["VersionId"]:
                return error("ConcurrentModificationException", "Update table failed due to concurrent modifications.")
        for key, most in (("PartitionInputList", 100), ("PartitionsToGet", 1000)):
            partitions = [partition["Values"] for partition in request.get(key, [])]
            if len(partitions) > most:
                return error("InvalidInputException", f"{key}: more than {most}")
            if len(partitions) > len({tuple(values) for values in partitions}):
                return error("InvalidInputException", f"{key}: one of them twice")
        if any(len(comment) > 255 for comment in comments(request)):
            return error("InvalidInputException", "a comment of more than 255 characters")
        return None

    def _page(self, environ, operation, request):
        if operation == "BatchGetPartition":
            keys = request["PartitionsToGet"]
            status, answer = self._ask(environ, operation, {**request, "PartitionsToGet": keys[:PAGE]})
            return status, {**answer, "UnprocessedKeys": keys[PAGE:]}
        status, answer = self._ask(environ, operation, request)
        if operation == "GetPartitions" and status == 200:
            begin = int(request.get("NextToken") or 0)
            end = begin + min(PAGE, request["MaxResults"])
            if end < len(answer["Partitions"]):
                answer["NextToken"] = str(end)
            answer["Partitions"] = answer["Partitions"][begin:end]
            for partition in answer["Partitions"] if request.get("ExcludeColumnSchema") else []:
                partition["StorageDescriptor"].pop("Columns", None)
        return status, answer

    def _ask(self, environ, operation, request):
        """Moto's answer."""
        body = json.dumps(request).encode()
        told = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)),
                "HTTP_X_AMZ_TARGET": f"AWSGlue.{operation}"}
        status = []
        answer = b"".join(self._moto(told, lambda text, *_: status.append(int(text.split()[0]))))
        return status[0], json.loads(answer or b"{}")


def say(start_response, status, answer, kind):
    body = json.dumps(answer).encode()
    headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
    start_response(f"{status} {http.HTTPStatus(status).phrase}", headers)
    return [body]


def error(code, message):
    return {"__type": code, "Message": message}


def comments(request):
    table = request.get("TableInput", {})
    columns = table.get("StorageDescriptor", {}).get("Columns", []) + table.get("PartitionKeys", [])
    return [column.get("Comment", "") for column in columns]


def main():
    server = make_server("127.0.0.1", 0, Glue(), threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

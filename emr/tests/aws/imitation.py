"""AWS on 127.0.0.1: moto in this process, every request recorded, with faults where a test wants them."""

import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

from werkzeug.serving import make_server

# Before moto is imported: it would look for credentials.
os.environ.update(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing", AWS_DEFAULT_REGION="eu-west-1")
import boto3  # noqa: E402
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT  # noqa: E402
from moto.emr.models import emr_backends  # noqa: E402
from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication, MotoRequestHandler, create_backend_app)

REGION = "eu-west-1"
EMR = pathlib.Path(__file__).resolve().parents[2]


class Quiet(MotoRequestHandler):
    def log_request(self, *_):
        pass


class Imitation:
    """The server, what was asked of it, and the folder in which scripts run."""

    def __init__(self):
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._folder = tempfile.TemporaryDirectory()
        self._client = subprocess.Popen(
            [sys.executable, "-B", pathlib.Path(__file__).with_name("aws_server.py"), f"{self._folder.name}/socket", self._folder.name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._client.stdout.readline() == b"ready\n", "the command line client of AWS cannot be loaded"
        self.forget()

    def stop(self):
        self._client.stdin.close()
        self._client.wait()
        self._client.stdout.close()
        self._folder.cleanup()
        self._server.shutdown()
        self._server.server_close()

    def forget(self):
        """As if nobody had ever used this account."""
        self.reset_moto()
        self.requests = []
        # What went wrong in a test's own reactions.
        self.mistakes = []
        self._faults = {}
        self._before = {}

    def reset_moto(self):
        request = {"REQUEST_METHOD": "POST", "PATH_INFO": "/moto-api/reset", "SERVER_NAME": "127.0.0.1",
                   "SERVER_PORT": "80", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr,
                   "HTTP_HOST": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.version": (1, 0)}
        list(self._moto(request, lambda *_: None))

    def __call__(self, environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
        call = self._name(environ, body)
        if call.startswith("emr "):
            self.requests.append((call, json.loads(body)))
        else:
            self.requests.append((call, environ["PATH_INFO"]))
        if call in self._before:
            try:
                self._before[call]()
            except Exception as error:
                self.mistakes.append(error)
                raise
        if self._faults.get(call):
            status, code = self._faults[call].pop(0)
            answer = json.dumps({"__type": code, "message": f"{code} of the test"}).encode()
            start_response(f"{status} Fault", [("Content-Type", "application/x-amz-json-1.1")])
            return [answer]
        return self._moto(environ, start_response)

    @staticmethod
    def _name(environ, body):
        """`emr RunJobFlow`, `iam CreateRole`, `s3 GET`."""
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if target.startswith("ElasticMapReduce."):
            return "emr " + target.split(".")[1]
        service = re.search(r"/([a-z0-9]+)/aws4_request", environ.get("HTTP_AUTHORIZATION", ""))
        action = re.search(rb"(?:^|&)Action=(\w+)", body)
        return f"{service.group(1) if service else '?'} {action.group(1).decode() if action else environ['REQUEST_METHOD']}"

    def calls(self, name):
        """The bodies of the requests of that name."""
        return [body for call, body in self.requests if call == name]

    def names(self):
        return [call for call, _ in self.requests]

    def fail_next(self, call, status, code, times=1):
        """Answers the next requests of that name with an error."""
        self._faults.setdefault(call, []).extend([(status, code)] * times)

    def before(self, call, action):
        """Does something whenever a request of that name comes."""
        self._before[call] = action

    def client(self, service):
        return boto3.client(service, region_name=REGION, endpoint_url=self.url)

    def cluster(self, cluster_id):
        """The imitated cluster itself, to let things happen in it. (The imitation of EMR is not strict about regions.)"""
        backends = emr_backends[ACCOUNT].values()
        return next(found for backend in backends if (found := backend.clusters.get(cluster_id)))

    def environment(self, folder):
        """What a script needs to talk to the imitation, and to nothing else."""
        return {
            "PATH": f"{self._folder.name}:{os.environ['PATH']}",
            "HOME": folder,
            "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url, "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "LC_ALL": "C.UTF-8",
            # What does not go to the imitation goes nowhere.
            "HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1",
        }

    def run(self, script, *arguments, folder, **environment):
        """Runs a script of emr/; gives its exit code, stdout and stderr."""
        env = {**self.environment(folder), **environment}
        return subprocess.run([EMR / script, *map(str, arguments)], env={k: v for k, v in env.items() if v is not None},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)

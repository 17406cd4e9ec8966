"""What all tests here share."""

import hashlib
import io
import pathlib
import tarfile
import tempfile
import unittest

from imitation import EMR, Imitation

BUCKET = "shop-data"
RELEASE = f"s3://{BUCKET}/rfm-suite/rfm-suite-1-x86_64.tar.gz"
BOOTSTRAP = EMR / "bootstrap" / "install-rfm-suite.sh"


class Case(unittest.TestCase):
    """A test with an empty AWS account and a folder of its own. The server is started once."""

    maxDiff = None
    aws = None

    @classmethod
    def setUpClass(cls):
        cls.aws = Imitation()

    @classmethod
    def tearDownClass(cls):
        cls.aws.stop()

    def setUp(self):
        self.aws.forget()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_script(self, script, *arguments, code=0, says=(), **environment):
        """Runs a script, which is to end with this code and to say these things on stderr; gives its stdout."""
        done = self.aws.run(script, *arguments, folder=str(self.folder), **environment)
        self.assertEqual(self.aws.mistakes, [])
        said = f"exit code {done.returncode}\nstdout: {done.stdout}\nstderr: {done.stderr}"
        self.assertEqual(done.returncode, code, said)
        for words in [says] if isinstance(says, str) else says:
            self.assertIn(words, done.stderr, said)
        self.stderr = done.stderr
        return done.stdout

    def bucket(self, name=BUCKET):
        s3 = self.aws.client("s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        return s3

    def archive(self, name="rfm-suite-1-x86_64.tar.gz", content=b"#!/bin/sh\n"):
        """A release as a file, and its checksum."""
        path = self.folder / name
        with tarfile.open(path, "w:gz") as tar:
            entry = tarfile.TarInfo("bin/rfm-batch")
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
        return path, sha256(path)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()

"""upload-release: what is put on S3, and what never is."""

import json
import shlex

from case import BOOTSTRAP, BUCKET, Case, sha256


class UploadRelease(Case):
    def test_archive_and_bootstrap_action_are_put_once(self):
        s3 = self.bucket()
        path, checksum = self.archive()
        printed = self.run_script("upload-release", f"s3://{BUCKET}/rfm-suite/", path)
        self.assertEqual(printed, f"--release s3://{BUCKET}/rfm-suite/{path.name} --sha256 {checksum}\n")
        self.assertEqual(s3.get_object(Bucket=BUCKET, Key=f"rfm-suite/{path.name}")["Body"].read(), path.read_bytes())
        bootstrap = f"rfm-suite/install-rfm-suite-{sha256(BOOTSTRAP)[:12]}.sh"
        self.assertEqual(s3.get_object(Bucket=BUCKET, Key=bootstrap)["Body"].read(), BOOTSTRAP.read_bytes())
        self.aws.requests.clear()
        again = self.run_script("upload-release", f"s3://{BUCKET}/rfm-suite", path, says="is there")
        self.assertEqual(again, printed)
        self.assertNotIn("s3 PUT", self.aws.names())

    def test_a_release_is_not_replaced(self):
        s3 = self.bucket()
        path, checksum = self.archive()
        self.run_script("upload-release", f"s3://{BUCKET}/rfm-suite", path)
        self.archive(content=b"another")
        self.run_script("upload-release", f"s3://{BUCKET}/rfm-suite", path, code=1, says="there with other content")
        self.assertEqual(s3.head_object(Bucket=BUCKET, Key=f"rfm-suite/{path.name}")["Metadata"]["sha256"], checksum)

    def test_two_processors_are_one_release(self):
        self.bucket()
        intel, intel_sum = self.archive("rfm-suite-1-x86_64.tar.gz")
        graviton, graviton_sum = self.archive("rfm-suite-1-aarch64.tar.gz", b"for another processor")
        printed = self.run_script("upload-release", f"s3://{BUCKET}/r", intel, graviton)
        self.assertEqual(printed, f"--release s3://{BUCKET}/r/rfm-suite-1-{{arch}}.tar.gz "
                                  f"--sha256 x86_64={intel_sum} --sha256 aarch64={graviton_sum}\n")

    def test_a_node_installs_what_was_uploaded(self):
        """From the archive to the program, through create-cluster's own arguments for the bootstrap action."""
        s3 = self.bucket()
        path, checksum = self.archive(content=b"#!/bin/sh\necho rfm-batch 1\n")
        printed = self.run_script("upload-release", f"s3://{BUCKET}/r", path)
        call = shlex.split(self.run_script("create-cluster", "--name", "x", *printed.split(), "--log-uri", f"s3://{BUCKET}/l",
                                           "--subnet", "subnet-01", "--dry-run"))
        action = json.loads(call[call.index("--bootstrap-actions") + 1])[0]
        script = self.folder / "installer"
        script.write_bytes(s3.get_object(Bucket=BUCKET, Key=action["Path"].removeprefix(f"s3://{BUCKET}/"))["Body"].read())
        script.chmod(0o755)
        place = ["--prefix", self.folder / "opt", "--no-link"]
        self.run_script(script, *action["Args"], *place, says=f"installed release {checksum[:12]}")
        self.assertTrue((self.folder / "opt" / "current" / "bin" / "rfm-batch").is_file())
        # The same once more changes nothing, and another archive behind the same address is refused.
        self.run_script(script, *action["Args"], *place, says="already installed")
        s3.put_object(Bucket=BUCKET, Key=f"r/{path.name}", Body=b"another")
        self.run_script(script, *action["Args"], "--prefix", self.folder / "new", "--no-link", code=1, says="is not the one asked for")

    def test_what_is_wrong_is_said(self):
        path, _ = self.archive()
        self.run_script("upload-release", f"s3://{BUCKET}/r", path, code=1, says=["cannot write", "NoSuchBucket"])
        self.run_script("upload-release", f"s3://{BUCKET}", path, code=2, says="is not s3://BUCKET/FOLDER")
        self.run_script("upload-release", f"s3://{BUCKET}/r", code=2, says="no archive is named")
        self.run_script("upload-release", f"s3://{BUCKET}/r", self.folder / "none", code=1, says="is not a file")
        nothing = self.folder / "nothing.tar.gz"
        nothing.write_text("nothing")
        self.run_script("upload-release", f"s3://{BUCKET}/r", nothing, code=1, says="is not a release")
        self.run_script("upload-release", f"s3://{BUCKET}/r", path, code=1, says="no valid AWS credentials",
                        AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)

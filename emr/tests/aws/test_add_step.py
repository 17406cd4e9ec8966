"""add-step: the step that is added, and that its end is told as it was."""

import gzip
import json
import pathlib
import shlex
import subprocess
import time

from case import BUCKET, Case

ENDED = "rfm-suite step ended with exit code"
FAST = ["--wait", "--poll", "0.1", "--log-wait", "0"]


class AddStep(Case):
    def setUp(self):
        super().setUp()
        self.s3 = self.bucket()
        # EMR tells addresses of logs with s3n.
        self.cluster = self.aws.client("emr").run_job_flow(
            Name="rfm", ReleaseLabel="emr-7.9.0", LogUri=f"s3n://{BUCKET}/logs/", JobFlowRole="r", ServiceRole="s",
            Instances={"InstanceCount": 1, "MasterInstanceType": "m6i.xlarge", "KeepJobFlowAliveWhenNoSteps": True})["JobFlowId"]

    def add(self, *words, **how):
        return self.run_script("add-step", "--cluster-id", self.cluster, *words, **how).strip()

    def state(self, *states, log=None, stdout=None):
        """Has the newest step go through these states, one each time it is asked for; its log is there at the last."""
        left = list(states)

        def action():
            step = self.aws.cluster(self.cluster).steps[-1]
            step.state = left.pop(0) if len(left) > 1 else left[0]
            if len(left) == 1:
                for name, text in (("stderr", log), ("stdout", stdout)):
                    if text is not None:
                        self.put_log(step.id, name, text)
        self.aws.before("emr DescribeStep", action)

    def put_log(self, step, name, text):
        self.s3.put_object(Bucket=BUCKET, Key=f"logs/{self.cluster}/steps/{step}/{name}.gz", Body=gzip.compress(text.encode()))

    def arguments(self):
        """Of the newest step."""
        return self.aws.calls("emr AddJobFlowSteps")[-1]["Steps"][0]["HadoopJarStep"]["Args"]

    def test_the_step_is_the_one_that_was_meant(self):
        step = self.add("batch", "--name", "nightly \"run\"", "--on-failure", "CANCEL_AND_WAIT", "--", "--snapshot-date", "2011-06-01")
        emr = self.aws.client("emr")
        made = emr.list_steps(ClusterId=self.cluster)["Steps"][0]
        self.assertEqual((made["Id"], made["Name"], made["ActionOnFailure"]), (step, "nightly \"run\"", "CANCEL_AND_WAIT"))
        [sent] = self.aws.calls("emr AddJobFlowSteps")
        jar = sent["Steps"][0]["HadoopJarStep"]
        self.assertEqual((sent["JobFlowId"], jar["Jar"]), (self.cluster, "command-runner.jar"))
        self.assertEqual(jar["Args"][:2], ["bash", "-c"])
        self.assertEqual(jar["Args"][4:], [
            "env", "HADOOP_CONF_DIR=/etc/hadoop/conf", "HIVE_CONF_DIR=/etc/hive/conf", "/opt/rfm-suite/current/bin/rfm-batch",
            "--config", "/opt/rfm-suite/current/config/emr.toml", "--snapshot-date", "2011-06-01"])

    def test_each_job_has_its_command(self):
        current = "/opt/rfm-suite/current"
        config = ["--config", f"{current}/config/emr.toml"]
        for words, expected in [
            (["streaming", "--", "--until-caught-up"], [f"{current}/bin/rfm-streaming", *config, "--until-caught-up"]),
            (["compact", "--", "--dry-run", "--set", "a=b"],
             [f"{current}/bin/rfm-streaming", *config, "--set", "a=b", "compact", "--dry-run"]),
            (["compact", "--master", "yarn"],
             [f"{current}/emr/submit", "streaming", "--master", "yarn", "--deploy-mode", "cluster", "--", *config, "compact"]),
            (["producer", "--config", "/tmp/p.toml", "--", "--count", "9"],
             [f"{current}/bin/order-producer", "--config", "/tmp/p.toml", "--count", "9"]),
            (["command", "--", "hive", "-e", "select 1 from `a\\b`\n\tx"], ["hive", "-e", "select 1 from `a\\b`\n\tx"]),
            (["streaming", "--master", "yarn", "--submit-option", "--instances", "--submit-option", "3"],
             [f"{current}/emr/submit", "streaming", "--master", "yarn", "--deploy-mode", "cluster", "--instances", "3", "--", *config]),
            (["dashboard", "--master", "yarn", "--", "--listen", "0.0.0.0:3034"],
             [f"{current}/emr/submit", "dashboard", "--master", "yarn", "--deploy-mode", "cluster", "--", *config,
              "--listen", "0.0.0.0:3034"]),
            (["batch", "--master", "yarn", "--prefix", "/opt/x", "--", "--dry-run"],
             ["/opt/x/current/emr/submit", "batch", "--master", "yarn", "--deploy-mode", "cluster", "--",
              "--config", "/opt/x/current/config/emr.toml", "--dry-run"]),
        ]:
            step = json.loads(self.run_script("add-step", "--print", *words))
            self.assertEqual(step["Args"][7:], expected)
        self.assertNotIn("emr AddJobFlowSteps", self.aws.names())

    def test_submit_takes_the_arguments_that_it_is_given(self):
        """The command for YARN is parsed by emr/submit itself."""
        step = json.loads(self.run_script("add-step", "--print", "streaming", "--master", "yarn",
                                          "--submit-option", "--instances", "--submit-option", "3"))
        emr = pathlib.Path(__file__).resolve().parents[2]
        done = subprocess.run(
            ["python3", "-c", "import sys; sys.path.insert(0, sys.argv[1]); from rfm_submit import cli\n"
             "own, job = cli.split(sys.argv[2:]); o = cli.parser().parse_args(own)\n"
             "print(o.command, o.master, o.deploy_mode, o.instances, job)", str(emr / "lib"), *step["Args"][8:]],
            capture_output=True, text=True, check=False)
        self.assertEqual(done.stdout.strip(), "streaming yarn cluster 3 ['--config', '/opt/rfm-suite/current/config/emr.toml']",
                         done.stderr)

    def test_the_command_runs_as_a_node_would_run_it(self):
        program = self.folder / "current" / "bin" / "rfm-batch"
        program.parent.mkdir(parents=True)
        program.write_text('#!/bin/sh\necho "$HADOOP_CONF_DIR $HIVE_CONF_DIR"\nprintf "<%s>" "$@"\necho no input >&2\nexit 3\n')
        program.chmod(0o755)
        step = json.loads(self.run_script("add-step", "--print", "--prefix", self.folder, "--config", "c", "batch", "--", "a b", "$x"))
        done = subprocess.run(step["Args"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (3, "/etc/hadoop/conf /etc/hive/conf\n<--config><c><a b><$x>"))
        self.assertEqual(done.stderr, f"no input\n{ENDED} 3\n")

    def test_a_dry_run_prints_the_call(self):
        printed = self.run_script("add-step", "--cluster-id", self.cluster, "--dry-run", "batch", "--", "it's")
        self.assertEqual(self.aws.calls("emr AddJobFlowSteps"), [])
        self.add("batch", "--", "it's")
        words = shlex.split(printed)
        self.assertEqual(json.loads(words[-1])[0]["Args"], self.arguments())

    def test_success_is_0(self):
        self.state("PENDING", "RUNNING", "COMPLETED", stdout="4,338 customers\n")
        printed = self.add("batch", *FAST, "--stdout", says=["PENDING", "RUNNING", "COMPLETED"])
        self.assertTrue(printed.endswith("\n4,338 customers"), printed)

    def test_failure_is_the_exit_code_of_the_job_with_its_stderr(self):
        self.state("RUNNING", "FAILED", log=f"a line\nrfm-batch: another run is publishing\n{ENDED} 3\n")
        self.add("batch", *FAST, code=3, says=["rfm-batch: another run is publishing", "failed with exit code 3"])
        # One that ended otherwise, as by a lack of memory.
        self.state("FAILED", log=f"{ENDED} 137\n")
        self.add("batch", *FAST, code=137, says="failed with exit code 137")
        # EMR's word that it failed counts more than a log that says 0.
        self.state("FAILED", log=f"{ENDED} 0\n")
        self.add("batch", *FAST, code=1, says="failed with exit code 1")
        self.state("FAILED", log="long\n" * 200 + f"short\n{ENDED} 2\n")
        self.add("batch", *FAST, "--lines", "2", code=2, says="short")
        self.assertNotIn("long", self.stderr)

    def test_the_log_is_waited_for(self):
        self.state("FAILED")
        asked = []

        def later():
            asked.append(1)
            step = self.aws.cluster(self.cluster).steps[-1].id
            # EMR sends the log while the step runs, too: at first a part of it.
            if len(asked) == 2:
                self.put_log(step, "stderr", "the beginning\n")
            elif len(asked) == 6:
                self.put_log(step, "stderr", f"the beginning\nthe cause\n{ENDED} 2\n")
        self.aws.before("s3 HEAD", later)
        self.add("batch", "--wait", "--poll", "0.1", "--log-wait", "60", code=2, says=["waiting for the log", "the cause"])

    def test_without_a_log_it_says_where_to_look(self):
        self.state("FAILED")
        self.add("batch", *FAST, code=1, says=["stderr.gz is not complete after 0 seconds", "failed with exit code 1"])
        self.aws.cluster(self.cluster).log_uri = None
        self.add("batch", *FAST, code=1, says=["keeps no logs on S3", "/mnt/var/log/hadoop/steps/s-"])
        self.aws.cluster(self.cluster).log_uri = "s3n://no-such-bucket/logs/"
        self.add("batch", *FAST, code=1, says="failed with exit code 1")

    def test_a_cancelled_step_is_1(self):
        self.state("PENDING", "CANCELLED")
        self.add("batch", *FAST, code=1, says="was cancelled")

    def test_a_cluster_that_ends_ends_the_wait(self):
        def end():
            cluster = self.aws.cluster(self.cluster)
            cluster.terminate()
            cluster.last_state_change_reason = "Instance failure"
        self.aws.before("emr DescribeStep", end)
        self.add("batch", *FAST, code=1, says=["ended (TERMINATED; Instance failure) before step", f"s3://{BUCKET}/logs/{self.cluster}/steps/s-"])
        self.add("batch", code=1, says=["takes no steps", "TERMINATED"])

    def test_a_step_that_fails_and_takes_the_cluster_with_it_is_told_as_failed(self):
        calls = []

        def fail():
            calls.append(1)
            cluster = self.aws.cluster(self.cluster)
            if len(calls) == 1:
                cluster.terminate()
            else:
                cluster.steps[-1].state = "FAILED"
                self.put_log(cluster.steps[-1].id, "stderr", f"the cause\n{ENDED} 2\n")
        self.aws.before("emr DescribeStep", fail)
        self.add("batch", "--on-failure", "TERMINATE_CLUSTER", *FAST, code=2, says="the cause")

    def test_passing_faults_do_not_end_the_wait(self):
        self.state("RUNNING", "COMPLETED")
        self.aws.fail_next("emr DescribeStep", 400, "ThrottlingException", times=2)
        self.add("batch", *FAST, says="COMPLETED")
        self.state("RUNNING")
        self.aws.fail_next("emr DescribeStep", 400, "AccessDeniedException")
        self.add("batch", *FAST, code=1, says=["cannot watch step", "goes on"])
        self.add("batch", *FAST, "--timeout", "0", code=3, says="it goes on")

    def test_a_cluster_is_found_by_its_name(self):
        step = self.run_script("add-step", "--cluster-name", "rfm", "batch").strip()
        self.assertEqual(self.aws.client("emr").list_steps(ClusterId=self.cluster)["Steps"][0]["Id"], step)
        self.run_script("add-step", "--cluster-name", "r`\"'fm", "batch", code=1, says="there is no active cluster called")
        self.run_script("add-step", "--cluster-id", "j-NONE", "batch", code=1, says=["there is no cluster j-NONE", "--region"])

    def test_bad_usage_costs_no_request(self):
        self.aws.requests.clear()
        one = ["--cluster-id", self.cluster]
        for words, said in [
            (one, "no job is named"),
            ([*one, "bach"], "there is no job 'bach'"),
            (["batch"], "--cluster-id or --cluster-name is missing"),
            ([*one, "--cluster-name", "rfm", "batch"], "exclude each other"),
            (["--cluster-id", "rfm", "batch"], "is not like j-ABC123"),
            ([*one, "batch", "--snapshot-date", "x"], "the job's own come after --"),
            ([*one, "batch", "x"], "'x' after the job"),
            ([*one, "streaming"], "would keep the step for ever"),
            ([*one, "command"], "come after --"),
            ([*one, "batch", "--on-failure", "IGNORE"], "--on-failure 'IGNORE'"),
            ([*one, "batch", "--submit-option", "--queue"], "is for --master yarn"),
            ([*one, "batch", "--master", "spark"], "neither local nor yarn"),
            ([*one, "batch", "--timeout", "1h"], "is not a whole number"),
        ]:
            self.run_script("add-step", *words, code=2, says=said)
        self.assertEqual(self.aws.names(), [])

    def test_an_interrupted_wait_says_that_the_step_goes_on(self):
        self.state("RUNNING")
        process = subprocess.Popen(
            [str(pathlib.Path(__file__).resolve().parents[2] / "add-step"), "--cluster-id", self.cluster, "batch", "--wait", "--poll", "0.2"],
            env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while "emr DescribeStep" not in self.aws.names():
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(process.poll())
            time.sleep(0.05)
        process.terminate()
        _, said = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 143, said)
        self.assertIn("goes on", said)

    def environment(self):
        return self.aws.environment(str(self.folder))

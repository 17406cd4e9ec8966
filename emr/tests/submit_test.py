"""What emr/submit does without a cluster: how it reads what the user types, and what it makes of what YARN says."""

import argparse
import contextlib
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True
EMR = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(EMR / "lib"))

from rfm_submit import apps, cli, hadoop, job, launcher, logs, page, service, staging, task  # noqa: E402
from rfm_submit.failure import Failure  # noqa: E402


class Scratch(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for program in job.PROGRAMS.values():
            self.write(program, '#!/bin/sh\nprintf "%s\\n" "$0" "$@" "$RFM_BATCH__MEMORY" "$RFM_BATCH__THREADS"\nexit 7\n')
        self.enterContext(mock.patch.dict(os.environ, RFM_BIN=str(self.folder)))

    def enterContext(self, context):
        # unittest has it from Python 3.11 on.
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def job(self, *words):
        own, arguments = cli.split(list(words))
        options = cli.parser().parse_args(own)
        return job.Job(options.command, options, arguments)


class WhatTheUserTypes(Scratch):
    def test_a_job_has_the_size_its_kind_needs(self):
        batch = self.job("batch")
        self.assertEqual((batch.name, batch.memory, batch.cores), ("rfm-batch", 2048, 2))
        # Unless it is given, the configuration's memory holds.
        self.assertEqual(batch.sized_env(in_container=True), {"RFM_BATCH__THREADS": "2"})
        self.assertEqual(batch.sized_env(in_container=False), {})

    def test_the_job_is_told_its_limits(self):
        batch = self.job("batch", "--memory", "4g", "--cores", "8", "--env", "X=a=b")
        self.assertEqual(
            batch.sized_env(in_container=False),
            {"RFM_BATCH__MEMORY": "2457 MiB", "RFM_BATCH__THREADS": "8", "X": "a=b"})

    def test_sizes(self):
        for text, expected in [("512", 512), ("512m", 512), ("2g", 2048), ("2 GiB", 2048), ("3GB", 3072), ("64MiB", 64)]:
            self.assertEqual(job.mebibytes(text), expected, text)
        for text in ["", "0", "-1g", "2t", "1.5g", "g", "2 g x"]:
            with self.assertRaises(Failure, msg=text) as raised:
                job.mebibytes(text)
            self.assertEqual(raised.exception.code, 2)

    def test_the_aggregation_leaves_room_for_the_rest(self):
        for memory in [256, 512, 1024, 4096, 65536]:
            self.assertGreater(memory - job.aggregation_memory(memory), 150)
        with self.assertRaises(Failure):
            job.aggregation_memory(200)

    def test_bad_words_are_refused(self):
        missing = str(self.folder / "missing")
        for words in [
            ("batch", "--name", "My Job"), ("batch", "--name", ""+"x" * 64), ("batch", "--env", "X"), ("batch", "--env", "1X=2"),
            ("batch", "--conf", "batch.k"), ("batch", "--files", missing), ("batch", "--instances", "2"),
            ("dashboard", "--instances", "2"), ("batch", "--memory", "lots"), ("batch", "--program", missing),
            ("streaming", "--instances", "2", "--", "--until-caught-up"),
        ]:
            with self.assertRaises(Failure, msg=words) as raised:
                self.job(*words)
            self.assertEqual(raised.exception.code, 2, words)
        for words in [("batch", "--cores", "0"), ("scale", "x", "0"), ("scale", "x"), ("logs",), ("batch", "--wait", "--detach"),
                      ("batch", "--deploy-mode", "yarn"), ("nothing",)]:
            with self.assertRaises(SystemExit, msg=words) as raised, contextlib.redirect_stderr(io.StringIO()):
                cli.parser().parse_args(words)
            self.assertEqual(raised.exception.code, 2, words)

    def test_settings_go_to_the_job(self):
        batch = self.job("batch", "--conf", "batch.clustering.k=5", "--", "--dry-run")
        self.assertEqual(batch.arguments, ["--dry-run", "--set", "batch.clustering.k=5"])

    def test_a_stream_goes_on_unless_it_is_told_to_end(self):
        self.assertTrue(self.job("streaming").is_service)
        self.assertTrue(self.job("streaming", "--", "--flush-interval", "2s").is_service)
        for ending in ["--until-caught-up", "--max-messages=5", "status", "compact"]:
            self.assertFalse(self.job("streaming", "--", ending).is_service, ending)
        self.assertFalse(self.job("producer").is_service)
        self.assertTrue(self.job("dashboard").is_service)
        self.assertFalse(self.job("dashboard", "--", "--version").is_service)

    def test_a_page_is_served_where_somebody_reaches_it(self):
        def settings(listen, rest=""):
            return f'[warehouse]\npath = "w"\n\n[dashboard]\nlisten = "{listen}"\n{rest}\n[kafka]\nlisten = "9.9.9.9:1"\n'

        self.assertEqual(page.reachable(settings("0.0.0.0:3034")), ("http", 3034))
        self.assertEqual(page.reachable(settings("[::]:443", 'tls_certificate = "a.pem"\n')), ("https", 443))
        for listen in ["127.0.0.1:3034", "[::1]:3034", "0.0.0.0:0"]:
            with self.assertRaises(Failure, msg=listen) as raised:
                page.reachable(settings(listen))
            self.assertEqual(raised.exception.code, 2)
        with self.assertRaises(Failure):
            page.reachable("")
        self.assertEqual(page.address(("https", 443), [{"hostname": None}, {"bare_host": "node-3"}]), "https://node-3:443/")
        self.assertIsNone(page.address(("http", 3034), [{}]))

    def test_the_configuration_file_is_taken_along(self):
        path = self.write("shop.toml", "")
        for words in [["--config", path], ["--config=" + path]]:
            batch = self.job("batch", "--", *words, "--dry-run")
            batch.ship_config()
            self.assertEqual(batch.arguments, ["--config", "shop.toml", "--dry-run"])
            self.assertEqual(batch.files, {"shop.toml": path})
        with self.assertRaises(Failure):
            self.job("batch", "--", "--config", "/no/such.toml").ship_config()
        # Two of one name.
        (self.folder / "other").mkdir()
        other = self.write("other/shop.toml", "")
        both = self.job("batch", "--files", other, "--", "--config", path)
        with self.assertRaises(Failure):
            both.ship_config()
        renamed = self.job("batch", "--files", other + "#rest.toml", "--", "--config", path)
        renamed.ship_config()
        self.assertEqual(renamed.files, {"rest.toml": other, "shop.toml": path})

    def test_passwords_of_hive_stay_here(self):
        self.write("hive-site.xml", """<?xml version="1.0"?><configuration>
            <property><name>hive.metastore.uris</name><value>thrift://a:9083</value></property>
            <property><name>javax.jdo.option.ConnectionPassword</name><value>SECRET</value></property>
            <property><name>some.keystore.password</name><value>SECRET</value></property></configuration>""")
        text = job.hive_settings(str(self.folder))
        self.assertIn("thrift://a:9083", text)
        self.assertNotIn("SECRET", text)
        self.assertIsNone(job.hive_settings(str(self.folder / "nowhere")))
        self.assertIsNone(job.hive_settings(None))


class OnThisMachine(Scratch):
    def submit(self, *words, **env):
        return subprocess.run([str(EMR / "submit"), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              encoding="utf-8", env={**os.environ, **env}, stdin=subprocess.DEVNULL)

    def test_local_becomes_the_job(self):
        done = self.submit("batch", "--master", "local", "--memory", "1g", "--cores", "3", "--", "--input", "a b", "--dry-run")
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertEqual(done.stdout.splitlines()[1:], ["--input", "a b", "--dry-run", "614 MiB", "3"])

    def test_what_needs_containers_is_refused(self):
        for words in [("batch", "--master", "local", "--detach"), ("streaming", "--master", "local", "--instances", "3"),
                      ("batch", "--deploy-mode", "client", "--detach")]:
            done = self.submit(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn("--master yarn", done.stderr)

    def test_without_hadoop_it_says_so(self):
        self.write("rfm-batch", "#!/bin/sh\nexit 0\n")
        done = self.submit("batch", PATH=f"{os.path.dirname(sys.executable)}:/usr/bin:/bin")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no `hdfs` on the PATH", done.stderr)

    def test_wrong_settings_need_no_container(self):
        self.write("rfm-batch", "#!/bin/sh\necho 'unknown setting batch.kk' >&2\nexit 2\n")
        done = self.submit("batch", "--conf", "batch.kk=4", PATH=f"{os.path.dirname(sys.executable)}:/usr/bin:/bin")
        self.assertEqual((done.returncode, done.stderr), (2, "submit: unknown setting batch.kk\n"))

    def test_help_and_nothing(self):
        self.assertEqual(self.submit("--help").returncode, 0)
        self.assertEqual(self.submit().returncode, 2)


class Launcher(Scratch):
    """Runs the scripts that containers run."""

    def start(self, text, **env):
        path = self.write("start-job", text)
        self.write("rfm-streaming", "#!/bin/bash\ntrap 'echo drained; exit 0' TERM\nprintf '%s|' \"$@\" \"$X\" \"$HADOOP_USER_NAME\"\necho\n"
                   "[[ ${1-} != wait ]] || { sleep 30 & wait; }\nexit 5\n")
        return subprocess.Popen(["bash", path], cwd=self.folder, env={**os.environ, "HADOOP_CONF_DIR": "/conf", **env},
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", start_new_session=True)

    def test_arguments_and_variables_arrive_as_they_are(self):
        nasty = "a b'c\"d $HOME `x` \\ ${COMPONENT_ID} *"
        stream = self.job("streaming", "--env", "X=" + nasty, "--", nasty)
        process = self.start(launcher.service(stream, "someone"))
        out, err = process.communicate(timeout=20)
        self.assertEqual((out, process.returncode), (f"{nasty}|{nasty}|someone|\n", 5), err)

    def test_no_hadoop_configuration_is_an_error(self):
        process = self.start(launcher.service(self.job("streaming"), "someone"), HADOOP_CONF_DIR="")
        self.assertIn("HADOOP_CONF_DIR", process.communicate(timeout=20)[1])
        self.assertEqual(process.returncode, 2)

    def test_a_stream_that_was_asked_to_end_waits_to_be_taken_away(self):
        process = self.start(launcher.service(self.job("streaming", "--", "wait"), "someone"))
        process.stdout.readline()
        os.killpg(process.pid, 15)
        self.assertEqual(process.stdout.readline(), "drained\n")
        self.assertEqual(process.stderr.readline().rstrip("\n"), launcher.DRAINED)
        self.assertIsNone(process.poll())
        os.killpg(process.pid, 15)
        process.wait(20)
        process.communicate()

    def test_the_program_is_fetched_and_checked(self):
        program = self.write("staged", "#!/bin/bash\necho fetched \"$@\"\nexit 3\n")
        (self.folder / "bin").mkdir()
        self.write("bin/hdfs", '#!/bin/bash\n[[ "$1 $2 $3" == "dfs -get /staged/rfm-batch" ]] && cp staged "$4"\n')
        (self.folder / "rfm-batch").unlink()
        batch = self.job("batch", "--program", program, "--", "x")
        text = launcher.task(batch, "someone", "/staged/rfm-batch", staging.sha256(program))
        process = self.start(text, HADOOP_HDFS_HOME=str(self.folder))
        out, err = process.communicate(timeout=20)
        self.assertEqual((out, process.returncode), ("fetched x\n", 3), err)
        process = self.start(launcher.task(batch, "someone", "/staged/rfm-batch", "0" * 64), HADOOP_HDFS_HOME=str(self.folder))
        self.assertIn("cannot get the program", process.communicate(timeout=20)[1])
        self.assertEqual(process.returncode, 3)


class Specification(Scratch):
    def test_small_files_travel_in_it(self):
        config = self.write("shop.toml", "[streaming]\n")
        stream = self.job("streaming", "--instances", "3", "--memory", "768m", "--queue", "live", "--", "--config", config)
        with mock.patch.object(staging, "stage", lambda path, name: ("/staged/" + name, "0" * 64)), \
                mock.patch.object(service, "hive_conf_of_client", lambda: None):
            made = service.specification(stream)
        component, = made["components"]
        self.assertEqual((made["queue"], component["number_of_containers"], component["resource"]),
                         ("live", 3, {"cpus": 1, "memory": "768"}))
        self.assertEqual(component["restart_policy"], "ALWAYS")
        files = {file["dest_file"]: file for file in component["configuration"]["files"]}
        self.assertEqual(files["rfm-streaming"]["src_file"], "/staged/rfm-streaming")
        self.assertEqual(files["shop.toml"]["src_file"], "/staged/shop.toml")
        self.assertIn("./rfm-streaming --config shop.toml\n", files["start-job"]["properties"]["content"])


class WhatYarnSays(unittest.TestCase):
    DIAGNOSTICS = """Application Failure: desired = 1, completed = 1, allocated = 1, failed = 1, diagnostics = [2026-11-23 05:00:00.0]Exception from container-launch.
Container id: container_1_0001_01_000002
Exit code: 3

[2026-11-23 05:00:00.1]Container exited with a non-zero exit code 3. Error file: prelaunch.err.
Last 4096 bytes of prelaunch.err :
Last 4096 bytes of stderr :
rfm-batch: cannot reach the metastore
"""

    def test_exit_code_and_cause(self):
        self.assertEqual(task.failure_of(self.DIAGNOSTICS), (3, "rfm-batch: cannot reach the metastore"))
        self.assertEqual(task.failure_of("AM Container for appattempt_1 exited with  exitCode: 1")[0], 1)
        self.assertEqual(task.failure_of("the queue is full"), (None, "the queue is full"))

    def test_reports(self):
        report = apps.Report("Application Report : \n\tApplication-Name : x\n\tState : FINISHED\n\tFinal-State : FAILED\n"
                             "\tDiagnostics : one\ntwo\n\tUnmanaged Application : false\n")
        self.assertEqual((report.name, report.state, report.final, report.diagnostics),
                         ("x", "FINISHED", "FAILED", "one\ntwo"))
        self.assertFalse(report.is_running)

    def test_the_newest_that_runs_is_found(self):
        line = "{}\t{}\tYARN\tme\tdefault\t{}\tUNDEFINED\t10%\tN/A\n"
        listing = ("Total number of applications\n" + line.format("application_9_0002", " job", "RUNNING")
                   + line.format("application_9_0010", " job", "FINISHED") + line.format("application_9_0001", " job", "RUNNING"))
        done = subprocess.CompletedProcess([], 0, listing, "")
        with mock.patch.object(hadoop, "run", lambda *_: hadoop.Answer([], done)):
            self.assertEqual(apps.find("job").id, "application_9_0002")
            self.assertEqual(apps.find("application_9_0010").state, "FINISHED")
            self.assertEqual([app.id[-4:] for app in apps.every()], ["0010", "0002", "0001"])
            with self.assertRaises(Failure):
                apps.find("other")

    LOGS = """Container: container_1 on localhost_1
LogAggregationType: AGGREGATED
LogType:stdout
LogLastModifiedTime:Mon Nov 23
LogLength:8
LogContents:
one
two

End of LogType:stdout
***********************

Container: container_2 on localhost:1
LogAggregationType: LOCAL
LogType:stdout.txt
LogLength:99
LogContents:
is the End of LogType:
half a liEnd of LogType:stdout.txt.This log file belongs to a running container
***********************
LogType:stderr.txt
LogLength:0
LogContents:

End of LogType:stderr.txt
"""

    def test_logs_are_taken_apart(self):
        found = [(piece.container, piece.file, piece.length, piece.text) for piece in logs.parse(self.LOGS, 50)]
        self.assertEqual(found, [
            ("container_1", "stdout", 8, "one\ntwo\n"),
            ("container_2", "stdout.txt", 99, "is the End of LogType:\nhalf a li"),
            ("container_2", "stderr.txt", 0, "")])

    def test_only_what_is_new_is_shown(self):
        piece = logs.Piece("c", "stdout")
        piece.length, piece.text = 1000, "abcdef\n"
        self.assertEqual(logs.new_text(piece, 997), "ef\n")
        self.assertEqual(logs.new_text(piece, 0), "abcdef\n")
        self.assertEqual(logs.new_text(piece, 1000), "")

    def test_the_words_that_matter(self):
        said = ("2026-11-23 INFO client.RMProxy: Connecting\nException in thread main\n"
                "java.io.IOException: queue x is unknown\n\tat org.apache.A.b(A.java:1)\n")
        self.assertEqual(hadoop.last_words(said), "java.io.IOException: queue x is unknown")
        self.assertEqual(hadoop.last_words("2026-11-23 05:35:45,235 ERROR client.ApiServiceClient: Service name x is already taken.\n"),
                         "Service name x is already taken.")
        self.assertEqual(hadoop.last_words(""), "it said nothing")


if __name__ == "__main__":
    unittest.main()

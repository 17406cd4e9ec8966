"""The cluster that `emr/submit batch --engine ballista` starts for a run, without YARN: tools that only write down how they were
called stand in its place."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
SUBMIT = str(pathlib.Path(__file__).resolve().parents[1] / "submit")

# `yarn app -launch NAME FILE` keeps the specification.
YARN = """#!/bin/bash
echo "yarn $*" >>"$CALLS"
case "$1 $2" in
"app -launch")
    cp "$4" "$CALLS.spec"
    exit "${LAUNCH_CODE-0}"
    ;;
"app -status") echo '{"id": "application_1_0001", "state": "STABLE"}' ;;
"logs -applicationId")
    printf 'Container: container_7 on node1\\nLogType:stderr\\nLogLength:12\\nLogContents:\\nno scheduler\\nEnd of LogType:stderr\\n'
    ;;
esac
"""
HDFS = '#!/bin/bash\necho "hdfs $*" >>"$CALLS"\n[[ "$2" != -stat ]] || wc -c <"$PROGRAMS/${4##*/}"\n'
BATCH = """#!/bin/bash
[[ "$*" != *--print-config* ]] || exit "${CONFIG_CODE-0}"
echo "$@" >>"$CALLS"
trap 'echo "batch told to stop" >>"$CALLS"; exit 1' TERM
if [[ -n ${BATCH_WAITS-} ]]; then
    echo "batch waits" >>"$CALLS"
    echo waiting
    # Not one long sleep: a signal just before it would be heard after it.
    for _ in {1..600}; do sleep 0.1; done
fi
exit "${BATCH_CODE-0}"
"""


class EngineForARun(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for name, text in [("yarn", YARN), ("hdfs", HDFS), ("rfm-batch", BATCH), ("rfm-scheduler", "#!/bin/sh\n"),
                           ("rfm-executor", "#!/bin/sh\n# executor\n")]:
            path = self.folder / name
            path.write_text(text)
            path.chmod(0o755)
        self.calls = self.folder / "calls"

    def start(self, *words, command=None, **env):
        return subprocess.Popen(
            command or [SUBMIT, "batch", "--deploy-mode", "client", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, encoding="utf-8", start_new_session=True,
            # A shell's background processes ignore Ctrl-C, and so do theirs: these tests may be one.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            env={"PATH": f"{self.folder}:{os.environ['PATH']}", "RFM_BIN": str(self.folder), "CALLS": str(self.calls),
                 "PROGRAMS": str(self.folder), "HADOOP_CONF_DIR": "/conf", "HADOOP_USER_NAME": "someone", **env})

    def submit(self, *words, **env):
        process = self.start(*words, **env)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def called(self):
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    def expect_all_gone(self):
        launched = [call.split()[3] for call in self.called() if call.startswith("yarn app -launch")]
        self.assertEqual(len(launched), 1)
        after = self.called()[-4:]
        self.assertEqual(after, [f"yarn app -stop {launched[0]}", f"yarn app -destroy {launched[0]}",
                                 f"hdfs dfs -rm -r -f -skipTrash /user/someone/.rfm-suite/engines/{launched[0]}",
                                 "yarn application -list -appStates ALL"])
        return launched[0]

    def test_the_run_knows_its_scheduler_and_the_cluster_goes_with_it(self):
        code, _, err = self.submit("--engine", "ballista", "--executors", "3", "--executor-memory", "1g", "--executor-cores", "4",
                                   "--queue", "night", "--", "--input", "a b")
        self.assertEqual(code, 0, err)
        name = self.expect_all_gone()
        endpoint = f"/user/someone/.rfm-suite/engines/{name}/scheduler"
        self.assertIn(f"--set batch.ballista.wait=3m --engine ballista --scheduler {endpoint} --input a b", self.called())
        spec = json.loads((self.folder / "calls.spec").read_text())
        self.assertEqual((spec["queue"], spec["lifetime"]), ("night", "86400"))
        scheduler, executor = spec["components"]
        self.assertEqual((scheduler["number_of_containers"], executor["number_of_containers"]), (1, 3))
        self.assertEqual(executor["resource"], {"cpus": 4, "memory": "1024"})
        self.assertEqual(executor["dependencies"], ["scheduler"])
        scripts = [part["configuration"]["files"][1]["properties"]["content"] for part in (scheduler, executor)]
        self.assertIn(f"exec ./rfm-scheduler --bind 0.0.0.0 --executors 3 --endpoint-file {endpoint}\n", scripts[0])
        self.assertIn(f"--scheduler {endpoint} --cores 4 --memory '614 MiB' --work-folder work\n", scripts[1])

    def test_the_cluster_goes_when_the_run_fails(self):
        for expected in (1, 2, 3):
            self.calls.write_text("")
            code, _, err = self.submit("--engine", "ballista", BATCH_CODE=str(expected))
            self.assertEqual(code, expected, err)
            self.expect_all_gone()
            # When the cluster may be to blame, what it said last is shown.
            self.assertEqual("no scheduler" in err, expected == 3, err)

    def test_the_cluster_goes_when_the_run_is_ended(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self.calls.write_text("")
            process = self.start("--engine", "ballista", BATCH_WAITS="1")
            self.assertEqual(process.stdout.readline(), "waiting\n")
            process.send_signal(number)
            time.sleep(0.2)
            # Asked twice: it is not left half done.
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130, err)
            self.assertIn("batch told to stop", self.called())
            self.expect_all_gone()

    def test_the_run_is_ended_at_the_moment_it_starts(self):
        # The signal comes when the job runs already and submit does not yet know that it does.
        program = f"""
import os, runpy, signal, subprocess, sys
start = subprocess.Popen.__init__
def started(self, words, **options):
    start(self, words, **options)
    if words[0].endswith("/rfm-batch") and "--print-config" not in words:
        # It has set its trap when it says that it waits.
        while "batch waits" not in open(os.environ["CALLS"]).read():
            pass
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
subprocess.Popen.__init__ = started
sys.argv = [{SUBMIT!r}, "batch", "--deploy-mode", "client", "--engine", "ballista"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
        process = self.start(command=[sys.executable, "-B", "-c", program], BATCH_WAITS="1")
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("batch told to stop", self.called())
        self.expect_all_gone()

    def test_the_cluster_goes_when_it_does_not_come(self):
        code, _, err = self.submit("--engine", "ballista", LAUNCH_CODE="1")
        self.assertEqual(code, 1, err)
        self.expect_all_gone()
        self.assertFalse(any(call.startswith("--set") for call in self.called()), self.called())

    def test_wrong_words_start_nothing(self):
        for words, problem in [
                (["--executors", "2"], "--executors needs --engine ballista"),
                (["--engine", "ballista", "--executors", "0"], "--executors 0: it must be 1 or more"),
                (["--engine", "ballista", "--master", "local"], "--engine ballista starts its cluster on YARN"),
                (["--engine", "ballista", "--detach"], "the executors live as long as submit does"),
                (["--engine", "ballista", "--executor-memory", "100m"], "100m of memory are too little for rfm-executor"),
                (["--engine", "ballista", "--scheduler", "h:1", "--executors", "2"], "--scheduler names a cluster that is there")]:
            code, _, err = self.submit(*words)
            self.assertEqual(code, 2, err)
            self.assertIn(problem, err)
        code, _, err = self.submit("--engine", "ballista", CONFIG_CODE="2")
        self.assertEqual(code, 2, err)
        self.assertEqual(self.called(), [])

    def test_a_cluster_that_is_there_is_used(self):
        code, _, err = self.submit("--engine", "ballista", "--scheduler", "h:1", "--", "--dry-run")
        self.assertEqual(code, 0, err)
        self.assertEqual(self.called(), ["--engine ballista --scheduler h:1 --dry-run"])


if __name__ == "__main__":
    unittest.main()

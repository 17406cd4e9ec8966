"""emr/submit on a real YARN: run by emr/tests/yarn, which starts one."""

import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
SUBMIT = str(ROOT / "emr" / "submit")
CONFIG = str(ROOT / "config" / "cluster.toml")
BIN = pathlib.Path(os.environ["RFM_BIN"])
WORK = pathlib.Path(tempfile.mkdtemp(prefix="rfm-yarn-test-"))
# One run of the tests may follow another on the same cluster.
RUN = f"t{os.getpid()}"
HOME = f"/user/{os.environ.get('USER') or os.popen('id -un').read().strip()}"


def run(*command, timeout=240, env=None):
    """A command with its exit code, output and messages; they are printed when a test fails."""
    started = time.monotonic()
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, encoding="utf-8", timeout=timeout, env={**os.environ, **(env or {})})
    print(f"$ {' '.join(map(str, command))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
          f"-> {done.returncode} after {time.monotonic() - started:.1f} s", flush=True)
    return done


def submit(*words, **options):
    return run(SUBMIT, *words, **options)


def hdfs(*words):
    return run("hdfs", "dfs", *words)


def until(what, seconds=90, every=0.5):
    """Waits for `what` to give something; fails with its name."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"not within {seconds} s: {what.__name__}")


def processes(program):
    """The processes of a program in containers of this cluster."""
    found = []
    containers = os.path.join(os.environ["RFM_CLUSTER_HOME"], "data", "nodemanager")
    for process in pathlib.Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if os.readlink(process / "cwd").startswith(containers) and \
                        program in (process / "cmdline").read_bytes().decode().split("\0")[0]:
                    found.append(int(process.name))
            except OSError:
                pass
    return found


class WithYarn(unittest.TestCase):
    """Orders on HDFS, and what is expected of a job."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        csv = WORK / "orders.csv"
        run(BIN / "order-producer", "--to-csv", csv, "--count", 20000)
        hdfs("-mkdir", "-p", f"/{RUN}")
        hdfs("-put", "-f", csv, f"/{RUN}/orders.csv")

    def expect(self, done, code, *texts):
        self.assertEqual(done.returncode, code)
        for text in texts:
            self.assertIn(text, done.stdout + done.stderr)

    def expect_nothing_left(self, name, program):
        self.assertEqual(processes(program), [])
        self.assertNotEqual(hdfs("-test", "-e", f"{HOME}/{name}").returncode, 0)
        self.assertNotIn(name, run("yarn", "application", "-list").stdout)

    def batch(self, mode, *words, file="orders.csv", job=("--dry-run",)):
        return submit("batch", "--deploy-mode", mode, "--memory", "640m", "--cores", "1", "--name", f"{RUN}-batch", *words,
                      "--", "--config", CONFIG, "--input", f"/{RUN}/{file}", *job)

    def tables(self, warehouse):
        """The files of the tables with their content."""
        target = WORK / warehouse.strip("/").replace("/", "-")
        for table in ["ecom_user_rfm_batch", "ecom_user_segments"]:
            target.mkdir(exist_ok=True)
            hdfs("-get", "-f", f"{warehouse}/{table}", target)
        return sorted((path.name, path.read_bytes()) for path in target.rglob("*.parquet"))


class OnYarn(WithYarn):
    def test_batch_in_both_modes_gives_the_same_tables(self):
        said = {}
        for mode in ["client", "cluster"]:
            done = self.batch(mode, job=["--warehouse", f"/{RUN}/{mode}", "--set", f"warehouse.database={RUN}_{mode}"])
            self.expect(done, 0, "High Value VIP")
            # The table of segments is the job's output, wherever it runs.
            said[mode] = [line for line in done.stdout.splitlines() if re.match(r" *[0-3]  ", line)]
        self.assertEqual(len(said["client"]), 4)
        self.assertEqual(said["client"], said["cluster"])
        client, cluster = self.tables(f"/{RUN}/client"), self.tables(f"/{RUN}/cluster")
        self.assertEqual(len(client), 2)
        self.assertEqual([content for _, content in client], [content for _, content in cluster])
        self.expect_nothing_left(f"{RUN}-batch", "rfm-batch")

        # The program is there already; a job that fails gives its exit code and its cause.
        done = self.batch("cluster", file="missing.csv")
        here = self.batch("client", file="missing.csv")
        self.expect(done, here.returncode, "missing.csv", f"exit code {here.returncode}")
        self.assertIn(here.returncode, (1, 2))
        self.assertNotIn("staging", done.stderr)
        staged = hdfs("-ls", "-C", f"{HOME}/.rfm-suite/staged/*").stdout.split()
        self.assertEqual(len([path for path in staged if path.endswith("/rfm-batch")]), 1)
        self.expect_nothing_left(f"{RUN}-batch", "rfm-batch")

        # So does one that YARN does not take.
        done = self.batch("cluster", "--queue", "nowhere")
        self.expect(done, 1, "nowhere")

    def test_a_job_is_seen_while_it_runs_and_killed(self):
        name, topic = f"{RUN}-producer", f"{RUN}-endless"
        done = submit("producer", "--name", name, "--memory", "256m", "--detach", "--env", "RFM_PRODUCER__RATE=20",
                      "--conf", "producer.create_topic.partitions=1", "--", "--config", CONFIG, "--topic", topic,
                      "--brokers", os.environ["RFM_BROKERS"])
        self.expect(done, 0, "application_")
        app = done.stdout.strip()

        def its_process():
            return processes("order-producer")

        until(its_process)
        seen = until(lambda: (lambda shown: shown if shown.returncode == 0 and topic in shown.stdout + shown.stderr else None)(
            submit("logs", name)))
        self.assertIn(topic, seen.stdout + seen.stderr)
        self.expect(submit("status", app), 0, name, "RUNNING")
        self.expect(submit("status"), 0, name, "RUNNING")
        self.expect(submit("kill", name), 0)
        self.expect_nothing_left(name, "order-producer")
        # After the end as well.
        until(lambda: topic in (lambda shown: shown.stdout + shown.stderr)(submit("logs", app)))
        self.expect(submit("status", "no-such-job"), 2, "no-such-job")

    def test_the_dashboard_serves_its_page_from_a_container(self):
        name, warehouse = f"{RUN}-page", f"/{RUN}/page"
        database = f"{RUN}_page"
        place = ["--config", CONFIG, "--warehouse", warehouse, "--set", f"warehouse.database={database}"]
        self.expect(run(BIN / "rfm-batch", *place, "--input", f"/{RUN}/orders.csv"), 0, "High Value VIP")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        # Where nobody would reach it, or everybody: refused before YARN is asked.
        self.expect(submit("dashboard", "--name", name, "--", *place), 2, "127.0.0.1", "--listen")
        words = ["dashboard", "--name", name, "--memory", "384m", "--detach"]
        listen = ["--", *place, "--listen", f"0.0.0.0:{port}"]
        self.expect(submit(*words, *listen), 2, "sign-in")
        done = submit(*words, "--env", "RFM_DASHBOARD__TOKEN=of-no-worth-outside-this-test", *listen)
        self.addCleanup(lambda: name in run("yarn", "application", "-list").stdout and submit("kill", name, "--grace", "0"))
        self.expect(done, 0, "the page: http://", f":{port}/")

        def served():
            request = urllib.request.Request(f"http://127.0.0.1:{port}/api/segments", headers={
                "Authorization": "Bearer of-no-worth-outside-this-test"})
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    return answer.read().decode()
            except OSError as error:
                print(error)
                return None

        self.assertIn("High Value VIP", until(served))
        self.expect(submit("scale", name, "2"), 2, "no stream")
        self.expect(submit("kill", name), 0)
        self.expect_nothing_left(name, "rfm-dashboard")

    def test_a_stream_scaled_under_load_has_every_order_once(self):
        name, topic, warehouse = f"{RUN}-stream", f"{RUN}-orders", f"/{RUN}/stream"
        stream = ["--config", CONFIG, "--brokers", os.environ["RFM_BROKERS"], "--topic", topic, "--warehouse", warehouse,
                  "--set", f"warehouse.database={RUN}_stream", "--set", "streaming.flush_interval=1s"]
        words = ["streaming", "--name", name, "--memory", "384m", "--detach", "--", *stream]
        # It would fail for ever: there is nothing to read from yet.
        self.expect(submit(*words), 1, topic, "exit code 1", "removed")
        # Only when the test has failed is there something left to end.
        self.addCleanup(lambda: name in run("yarn", "application", "-list").stdout and submit("kill", name, "--grace", "0"))
        producer = subprocess.Popen(
            [SUBMIT, "producer", "--master", "local", "--", "--config", CONFIG, "--brokers", os.environ["RFM_BROKERS"],
             "--topic", topic, "--rate", "400", "--quiet"], stdin=subprocess.DEVNULL)
        try:
            until(lambda: topic in run("kafka", "topics", "--list").stdout.split())
            self.expect(submit(*words), 0, "1 instance")
            self.expect(submit(*words), 2, "already")
            self.expect(submit("scale", name, "3"), 0, "3 instances")
            status = submit("status", name)
            self.expect(status, 0, "STABLE", "3 of 3")
            self.assertEqual(len(processes("rfm-streaming")), 3)

            def all_three_commit():
                shown = submit("logs", name)
                containers = re.findall(r"^==> (container\S+) stdout", shown.stderr, re.MULTILINE)
                return len(set(containers)) == 3

            until(all_three_commit, every=2)
            # One dies without a word.
            victim = processes("rfm-streaming")[0]
            os.kill(victim, 9)

            def another_in_its_place():
                now = processes("rfm-streaming")
                return len(now) == 3 and victim not in now

            until(another_in_its_place)
            self.expect(submit("scale", name, "1"), 0, "1 instance")
            self.assertEqual(len(processes("rfm-streaming")), 1)
        finally:
            producer.terminate()
            self.assertIn(producer.wait(60), (0, 143))
        self.expect(submit("kill", name), 0)
        self.expect_nothing_left(name, "rfm-streaming")
        self.assertNotEqual(hdfs("-test", "-e", f"{HOME}/.yarn/services/{name}").returncode, 0)

        # What is left in the topic, by a stream that ends by itself; and then every offset once.
        self.expect(submit("streaming", "--name", f"{name}-rest", "--memory", "384m", "--", *stream, "--until-caught-up"), 0)
        hdfs("-get", f"{warehouse}/ecom_orders_tagged", WORK)
        rows = run(os.environ["RFM_PYTHON"], "-c", COUNT, WORK / "ecom_orders_tagged")
        print(rows.stdout)
        partitions = [tuple(map(int, line.split())) for line in rows.stdout.splitlines()]
        self.assertEqual(len(partitions), 4)
        for partition, count, distinct, first, last in partitions:
            self.assertEqual((distinct, first, last), (count, 0, count - 1), f"partition {partition}")
            self.assertGreater(count, 1000)
        ends = run("kafka", "consumer", "--topic", topic, "--from-beginning", "--timeout-ms", "5000", timeout=60)
        self.assertEqual(sum(count for _, count, *_ in partitions), len(ends.stdout.splitlines()))


# By Kafka partition: rows, different offsets, the first and the last.
COUNT = """
import duckdb, sys
for row in duckdb.sql(f'''select kafka_partition, count(*), count(distinct kafka_offset), min(kafka_offset), max(kafka_offset)
        from read_parquet('{sys.argv[1]}/dt=*/part-*.parquet') group by 1 order by 1''').fetchall():
    print(*row)
"""

if __name__ == "__main__":
    unittest.main(verbosity=2)

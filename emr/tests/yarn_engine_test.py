"""emr/submit batch --engine ballista on a real YARN: run by `emr/tests/yarn --engine`, which starts one."""

import os
import pathlib
import signal
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import yarn_test  # noqa: E402

EXECUTORS = ["--engine", "ballista", "--executors", "2", "--executor-memory", "320m", "--executor-cores", "1"]


class EngineOnYarn(yarn_test.WithYarn):
    def expect_no_engine_left(self):
        for program in ("rfm-batch", "rfm-scheduler", "rfm-executor"):
            self.assertEqual(yarn_test.processes(program), [])
        self.assertNotIn("engine", yarn_test.run("yarn", "application", "-list").stdout)
        for folder in (".yarn/services", ".rfm-suite/engines"):
            self.assertEqual(yarn_test.hdfs("-ls", "-C", f"{yarn_test.HOME}/{folder}").stdout.strip(), "")

    def test_batch_on_executors_gives_the_same_tables(self):
        def job(where):
            return ["--warehouse", f"/{yarn_test.RUN}/{where}", "--set", f"warehouse.database={yarn_test.RUN}_{where.replace('-', '_')}"]

        self.expect(self.batch("client", job=job("here")), 0, "High Value VIP")
        for mode in ("client", "cluster"):
            self.expect(self.batch(mode, *EXECUTORS, job=job(mode + "-executors")), 0, "High Value VIP", "2 executors")
            self.expect_no_engine_left()
            self.assertEqual([content for _, content in self.tables(f"/{yarn_test.RUN}/{mode}-executors")],
                             [content for _, content in self.tables(f"/{yarn_test.RUN}/here")])
        # What is wrong with the input is said, and nothing stays.
        self.expect(self.batch("client", *EXECUTORS, file="missing.csv"), 1, "missing.csv")
        self.expect_no_engine_left()
        # Executors for which there is no room: the run ends in time, worth a retry.
        many = ["--engine", "ballista", "--executors", "20", "--executor-memory", "320m", "--executor-cores", "1"]
        done = self.batch("client", *many, job=["--dry-run", "--set", "batch.ballista.wait=100s"])
        self.expect(done, 3, "/20 executors registered")
        self.expect_no_engine_left()

    def test_executors_and_schedulers_that_are_killed(self):
        csv = yarn_test.WORK / "many.csv"
        yarn_test.run(yarn_test.BIN / "order-producer", "--to-csv", csv, "--count", 1_500_000)
        yarn_test.hdfs("-put", "-f", csv, f"/{yarn_test.RUN}/many.csv")
        place = ["--set", f"warehouse.database={yarn_test.RUN}_kills"]
        self.expect(self.batch("client", file="many.csv", job=["--warehouse", f"/{yarn_test.RUN}/many", *place]), 0)
        before = self.tables(f"/{yarn_test.RUN}/many")
        for victim, code in (("rfm-executor", 0), ("rfm-scheduler", 3)):
            words = [yarn_test.SUBMIT, "batch", "--deploy-mode", "client", "--memory", "640m", "--cores", "1", "--name", f"{yarn_test.RUN}-kills",
                     *EXECUTORS, "--conf", "batch.ballista.piece=1 MiB", "--", "--config", yarn_test.CONFIG, "--input", f"/{yarn_test.RUN}/many.csv",
                     "--warehouse", f"/{yarn_test.RUN}/{victim}", "--set", f"warehouse.database={yarn_test.RUN}_{victim.replace('-', '_')}"]
            batch = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")

            def the_work_is_under_way():
                folders = [f"/proc/{pid}/cwd/work" for pid in yarn_test.processes("rfm-executor")]
                # Folders go while one looks, which os.walk passes over.
                sizes = [sum(len(subfolders) + len(files) for _, subfolders, files in os.walk(folder)) for folder in folders]
                return batch.poll() is not None or max(sizes, default=0) > 12

            yarn_test.until(the_work_is_under_way, seconds=120, every=0.05)
            os.kill(yarn_test.processes(victim)[0], signal.SIGKILL)
            said, _ = batch.communicate(timeout=240)
            print(said[-5000:])
            self.assertEqual(batch.returncode, code)
            self.expect_no_engine_left()
            if code == 0:
                self.assertEqual([content for _, content in self.tables(f"/{yarn_test.RUN}/{victim}")], [content for _, content in before])
            else:
                self.assertIn("was lost while it worked on the job", said)
                self.assertNotEqual(yarn_test.hdfs("-test", "-e", f"/{yarn_test.RUN}/{victim}/ecom_user_segments/_runs").returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""Runs the tests of this folder, two files at a time; the last line says how many passed.

    tests.py [FILE [PART OF A TEST'S NAME]]     as in: tests.py add_step log
"""

import concurrent.futures
import importlib
import re
import subprocess
import sys
import time
import unittest

# The longest ones first.
FILES = ["create_cluster", "add_step", "upload_release", "roles", "policies"]


class Lines(unittest.TextTestResult):
    """A line a test, with what it took."""

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def _line(self, word, test):
        name = test.id().split(".", 1)[-1]
        print(f"{word:7} {name}  {time.monotonic() - self.started:.1f} s", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._line("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._line("FAILED", test)

    def addError(self, test, err):
        super().addError(test, err)
        self._line("FAILED", test)


def run_file(file, part):
    """Gives how many passed and failed."""
    suite = unittest.TestSuite()
    for group in unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(f"test_{file}")):
        suite.addTests(test for test in group if part in test.id())
    result = unittest.TextTestRunner(resultclass=Lines, verbosity=0, stream=sys.stdout).run(suite)
    # What could not even be set up counts, too.
    failed = len(result.failures) + len(result.errors)
    return max(result.testsRun - failed, 0), failed


def run_all():
    def in_process(file):
        done = subprocess.run([sys.executable, "-B", __file__, file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        sys.stdout.write(done.stdout)
        sys.stdout.flush()
        counts = re.search(r"^(\d+) passed, (\d+) failed in this file$", done.stdout, re.MULTILINE)
        return (int(counts[1]), int(counts[2])) if counts else (0, 1)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(in_process, FILES))
    return tuple(map(sum, zip(*counts)))


def main():
    if len(sys.argv) > 1:
        passed, failed = run_file(sys.argv[1], "".join(sys.argv[2:3]))
        print(f"{passed} passed, {failed} failed in this file")
    else:
        passed, failed = run_all()
        print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())

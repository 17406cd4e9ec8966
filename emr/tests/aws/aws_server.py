"""Runs AWS's own command line client in children of a process that has it loaded: three times as quick as from nothing.

    aws_server.py SOCKET FOLDER     puts a program `aws` into FOLDER, which has its command run here
"""

import json
import os
import pathlib
import signal
import socket
import sys
import traceback

import awscli.clidriver

PROGRAM = """#!{python} -ISs
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({path!r})
    socket.send_fds(server, [json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode() + b"\\n"], [0, 1, 2])
    code = server.recv(16)
sys.exit(int(code or 255))
"""


def child(connection):
    """One command, with the files, the environment and the folder of who asked for it."""
    message, files, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while not message.endswith(b"\n"):
        message += connection.recv(1 << 20)
    arguments, environment, folder = json.loads(message)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    # The client has told itself by this variable where its own data is.
    data = os.environ["AWS_DATA_PATH"]
    os.environ.clear()
    os.environ.update(environment, AWS_DATA_PATH=data)
    os.chdir(folder)
    sys.argv = ["aws", *arguments]
    try:
        code = awscli.clidriver.main()
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(str(code or 0).encode())


def main():
    path, folder = sys.argv[1:]
    # Whatever the client loads when it is first made is loaded here.
    awscli.clidriver.create_clidriver()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(16)
    program = pathlib.Path(folder, "aws")
    program.write_text(PROGRAM.format(python=sys.executable, path=path))
    program.chmod(0o755)
    print("ready", flush=True)
    # Ends with the tests that started it: they hold the other end of stdin.
    if os.fork() == 0:
        sys.stdin.read()
        os.kill(os.getppid(), signal.SIGTERM)
        os._exit(0)
    while True:
        connection, _ = server.accept()
        if os.fork() == 0:
            server.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            code = 1
            try:
                child(connection)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        connection.close()


if __name__ == "__main__":
    main()

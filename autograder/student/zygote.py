"""The process that all workers are forked from: started by exec with a clean environment, warm, without a secret.

It imports what grading.yml says to preload, once, and then answers on a socket. For hidden tests it keeps apart: its
memory is closed to others, and where it may it leaves the machine's network, its workers with it.

    {"fork": config} with the worker's end of a channel    a new worker: {"pid"}
    {"clone": true} with a socket                          another zygote, which serves that socket: {"pid"}
    {"become": module} with a socket                       a fork in which `module.main(socket)` runs: {"pid"}
    {"end": pid}                                           that worker's whole group is killed: {"signal", "exit", ...}

It has one thread and runs no operation of torch, so that its forks are sound. The grader is such a fork as well
("become"): what takes seconds to import is imported once. Tests, solutions and secrets reach the grader after that
fork, so that no zygote, and no worker, ever held them.
"""

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
import time
from typing import Any

from autograder.student import jail, privileges, worker
from autograder.student.channel import Channel, ChannelClosed
from autograder.student.preloading import preload

_PATIENCE = 2.0  # seconds


def main() -> None:
    """`python -m autograder.student.zygote FD apart|together PRELOAD...`"""
    control = socket.socket(fileno=int(sys.argv[1]))
    sys.dont_write_bytecode = True
    layers = []
    if sys.argv[2] == "apart":
        privileges.hide_memory()
        layers = privileges.leave_network()
    gc.disable()  # nothing of what is imported is ever collected, and looking for it takes a seventh of the time
    preload(sys.argv[3:])
    if "numpy" in sys.modules:
        importlib.import_module("numpy.random")  # numpy puts it off, and every worker seeds it
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
    jail.look_around()
    gc.freeze()  # what is here stays shared with every fork
    gc.enable()
    threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
    Channel(control, 1 << 22).send({"ready": threads})
    _serve(control, layers)
    os._exit(0)  # whoever hangs up waits for it, and to take down all that was imported takes a while


def _serve(control: socket.socket, layers: list[str]) -> None:
    """Answer until the grader hangs up; then nothing of the student's is left behind."""
    channel = Channel(control, 1 << 22)
    workers: set[int] = set()
    others: set[int] = set()
    while True:
        try:
            request = channel.receive()
        except ChannelClosed:
            for pid in workers:
                _end(pid)
            _await(others)
            return
        if "end" in request:
            workers.discard(request["end"])
            channel.send(_end(request["end"]))
            continue
        if "fork" in request:
            privileges.can_change_user(tuple(request["fork"]["allowance"]["reads"]))  # every fork then knows
        with _receive_socket(control) as connection:
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                _in_the_fork(control, connection, request, parent, layers)
        (workers if "fork" in request else others).add(pid)
        channel.send({"pid": pid})


def _in_the_fork(
    control: socket.socket, connection: socket.socket, request: dict[str, Any], parent: int, layers: list[str]
) -> None:
    """Be a worker, or another zygote; never come back, whatever happens."""
    status = 1
    try:
        control.close()
        if "clone" in request:
            _serve(connection, layers)
        elif "become" in request:
            sys.dont_write_bytecode = False
            importlib.import_module(request["become"]).main(connection)
        else:
            worker.run(connection, worker.WorkerConfig.from_data(request["fork"]), parent, layers)
        status = 0
    finally:
        os._exit(status)


def _receive_socket(control: socket.socket) -> socket.socket:
    _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
    return socket.socket(fileno=descriptors[0])


def _await(pids: set[int]) -> None:
    """The end of forks that end by themselves once their connections are closed; whoever does not is killed."""
    deadline = time.monotonic() + _PATIENCE
    for pid in pids:
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                break
            time.sleep(0.005)


def _end(pid: int) -> dict[str, Any]:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # one that has not made its own group yet
    _, status, usage = os.wait4(pid, 0)
    return {
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "exit": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
    }


if __name__ == "__main__":
    main()

"""A student who attacks the process that this runs in; it has nothing to win, and others must not notice."""

import builtins
import ctypes
import gc
import json
import os
import resource
import signal
import socket
import struct
import sys
import threading
import time

import torch


def add(first, second):
    return first + second


def same_again(value):
    return value


def remember(value):
    builtins.remembered = value


def remembered():
    return getattr(builtins, "remembered", None)


# -- leaving


def leave(how):
    {
        "_exit": lambda: os._exit(0),
        "_exit 3": lambda: os._exit(3),
        "abort": os.abort,
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "segfault": lambda: ctypes.string_at(0),
        "exit from a thread": _exit_from_a_thread,
        "close": lambda: os.close(_channel()),
        "redirect": lambda: os.dup2(os.open(os.devnull, os.O_RDWR), _channel()),
        "shutdown": lambda: socket.socket(fileno=os.dup(_channel())).shutdown(socket.SHUT_RDWR),
    }[how]()
    return 3


def _exit_from_a_thread():
    thread = threading.Thread(target=os._exit, args=(0,))
    thread.start()
    thread.join()


# -- patches


def patch(what):
    always = lambda *_, **__: True  # noqa: E731
    if what == "torch":
        torch.allclose = torch.equal = torch.testing.assert_close = torch.Tensor.equal = torch.Tensor.__eq__ = always
    elif what == "isinstance":
        builtins.isinstance = always
    elif what == "type":
        builtins.type = lambda *_: int
    elif what == "len":
        builtins.len = lambda _: 0
    elif what == "json":
        json.JSONEncoder.encode = lambda *_, **__: '[["d",["value",3]],[]]'
    elif what == "json list":
        json.JSONEncoder.encode = lambda *_, **__: "[3,[]]"
    elif what == "nonsense":
        json.JSONEncoder.encode = lambda *_, **__: "\x00nonsense"
    elif what == "object":
        json.JSONEncoder.encode = lambda *_, **__: object()
    elif what == "modules":
        for name in list(sys.modules):
            if name.startswith("autograder"):
                sys.modules[name] = None
    elif what == "no modules":
        sys.modules.clear()
    elif what == "reduce":
        sys.modules["autograder.student.workbench"].reduce = lambda value, *_: value
    elif what == "recursion":
        sys.setrecursionlimit(60)


def forge(function, *args):
    """Patches the bench, so that whatever is asked for afterwards gets an answer of another form."""
    bench = sys.modules["autograder.student.workbench"].Workbench
    setattr(bench, function, lambda *_, **__: args)


def forge_take(taken):
    sys.modules["autograder.student.workbench"].Workbench.take = lambda *_, **__: taken


def forge_no_value():
    sys.modules["autograder.student.workbench"].Workbench.value = lambda *_, **__: None


def forge_error(told):
    sys.modules["autograder.student.worker"].describe = lambda *_, **__: told
    raise ValueError


def forge_fault():
    sys.modules["autograder.student.worker"]._answer = lambda *_: {"fault": "the grader did it"}


# -- the channel


def _channel():
    """The descriptor of the channel."""
    found = [int(name) for name in os.listdir("/proc/self/fd") if _target(name).startswith("socket:")]
    (descriptor,) = found
    return descriptor


def _target(name):
    try:
        return os.readlink(f"/proc/self/fd/{name}")
    except OSError:
        return ""


def _frame(number, header, raw=b"", header_size=None, raw_size=None):
    sizes = (len(header) if header_size is None else header_size, len(raw) if raw_size is None else raw_size)
    return struct.pack(">4sQIQ", b"AG02", number, *sizes) + header + raw


def _number():
    """The number of the request that is being answered."""
    frame = sys._getframe()
    while frame is not None:
        if "number" in frame.f_locals and "channel" in frame.f_locals:
            return frame.f_locals["number"]
        frame = frame.f_back
    return None


def write(what):
    answer = b'[["d",["value",42]],[]]'
    data = {
        "noise": bytes(range(256)),
        "zeros": bytes(1000),
        "huge header": _frame(0, b"", header_size=2**32 - 1),
        "huge raw": _frame(0, b"", raw_size=2**63),
        "large header": _frame(_number(), b"", header_size=9 << 20),
        "forged": _frame(_number() + 1, answer),
        "forged twice": 2 * _frame(_number(), answer),
        "forged right": _frame(_number(), answer),
        "handle": _frame(_number(), b'[["d",["value",["h",1000000,"Model"]]],[]]'),
        "no answer": _frame(_number(), b"[3,[]]"),
        "another answer": _frame(_number(), b'[["d",["other",42]],[]]'),
        "deep": _frame(_number(), b"[" * 50_000),
        "part": _frame(_number(), answer, header_size=1_000_000),
        "byte": b"A",
    }[what]
    os.write(_channel(), data)
    return 3


def write_later(count):
    """A thread that floods the channel while the answer is waited for."""
    descriptor = _channel()

    def flood():
        for _ in range(count):
            os.write(descriptor, bytes(1000))

    thread = threading.Thread(target=flood)
    thread.start()
    thread.join()


# -- looking round


def environment():
    return dict(os.environ), open("/proc/self/environ", "rb").read(), open("/proc/self/cmdline", "rb").read()


def environment_of_the_parent():
    return open(f"/proc/{os.getppid()}/environ", "rb").read(), open(f"/proc/{os.getppid()}/cmdline", "rb").read()


def modules():
    return sorted(sys.modules)


def search(needle):
    """Where the text, which comes reversed, is to be found: frames, modules, whatever the collector knows."""
    text = needle[::-1]
    found = []
    frame = sys._getframe(1)
    while frame is not None:
        found += [f"frame {frame.f_code.co_name}" for value in frame.f_locals.values() if text in _shown(value)]
        frame = frame.f_back
    for name, module in list(sys.modules.items()):
        found += [f"module {name}" for value in list(vars(module).values()) if type(value) is str and text in value]
    for thing in gc.get_objects():
        if type(thing) is dict:
            found += ["dict" for value in list(thing.values()) if type(value) is str and text in value]
        if type(thing) in (list, tuple):
            found += ["list" for value in thing if type(value) is str and text in value]
    return found


def _shown(value):
    return value if type(value) is str else ""


def descriptors():
    return sorted(_target(name).split(":")[0] for name in os.listdir("/proc/self/fd"))


def limits():
    names = ("CPU", "AS", "FSIZE", "NOFILE", "CORE")
    return {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in names}


def session():
    return os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid(), threading.active_count(), os.getcwd()


# -- time and memory


def spin(how, fifo=""):
    if how == "python":
        while True:
            pass
    elif how == "C":
        sum(range(10**12))
    elif how == "matmul":
        x = torch.ones(2000, 2000)
        while True:
            x = x @ x
    elif how == "sleep":
        time.sleep(10**6)
    elif how == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif how == "deaf":
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGXCPU, signal.SIGALRM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        while True:
            pass
    elif how == "swallow":
        while True:
            try:
                while True:
                    pass
            except BaseException:
                continue
    elif how == "threads":
        for _ in range(3):
            threading.Thread(target=lambda: sum(range(10**12)), daemon=True).start()
        time.sleep(10**6)
    elif how in ("child", "orphan"):
        os.open(fifo, os.O_WRONLY)
        if os.fork() and how == "orphan":
            os._exit(0)
        time.sleep(10**6)


def burn(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def spin_at_exit():
    class Last:
        def __del__(self):
            while True:
                pass

    return Last()


def hoard(how):
    if how == "bytes":
        return len(bytearray(10 << 30))
    if how == "torch":
        return torch.empty(10 << 30, dtype=torch.uint8).numel()
    kept = []
    while True:
        kept.append(bytearray(256 << 20))


def write_file(path, size):
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            file.write(bytes(1 << 20))


def open_files(path, count):
    return len([open(path, "rb") for _ in range(count)])


def print_much(count):
    for _ in range(count):
        print("x" * 1000)  # noqa: T201
    print("\ud800", file=sys.stderr)  # noqa: T201

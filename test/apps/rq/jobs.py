"""What workers do. Every run leaves a line in the list "runs"."""
import os
import signal

from redis import Redis

connection = Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


def double(n):
    connection.rpush("runs", f"double {n}")
    return n * 2


def flaky(name, fails):
    run = connection.rpush(f"runs:{name}", "run")
    if run <= fails:
        raise ValueError(f"run {run}")
    return run


def killed_once(n):
    if connection.rpush("runs:killed", "run") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return n * 2

"""Uses the shop as its users do, each checked:  REDIS_URL=… scenarios.py SCENARIO"""
import os
import signal
import subprocess
import sys
import time

from celery import chord

import shop

WAIT_S = 30


def same(actual, expected):
    if actual != expected:
        raise AssertionError(f"got {actual!r} instead of {expected!r}")


def start_worker(**variables):
    command = [sys.executable, "-m", "celery", "-A", "shop", "worker", "-c", "2", "--loglevel", "WARNING"]
    return subprocess.Popen(command, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True)


def results(tasks):
    return [task.get(timeout=WAIT_S) for task in tasks]


def work():
    before = [shop.double.delay(n) for n in range(10)]
    start_worker()
    same(results(before), [n * 2 for n in range(10)])
    # Now the worker waits in a blocking pop: each of these has to wake it.
    for n in range(100, 103):
        same(shop.double.delay(n).get(timeout=WAIT_S), n * 2)
    same(shop.flaky.delay(2).get(timeout=WAIT_S), 2)
    asked = time.time()
    same(shop.clock.apply_async(countdown=1).get(timeout=WAIT_S) >= asked + 1, True)
    try:
        shop.flaky.delay(9).get(timeout=WAIT_S)
        raise AssertionError("it did not fail")
    except shop.flaky.MaxRetriesExceededError:
        pass
    # Commands to workers and their answers go over Pub/Sub and lists.
    answers = shop.app.control.ping(timeout=WAIT_S, limit=1)
    same([list(answer.values()) for answer in answers], [[{"ok": "pong"}]])
    forgotten = shop.double.delay(1)
    forgotten.get(timeout=WAIT_S)
    forgotten.forget()
    same(shop.double.AsyncResult(forgotten.id).state, "PENDING")


def killed_worker():
    first = start_worker(HANG="1")
    task = shop.hang_once.delay(21)
    for line in first.stdout:
        if "at work" in line:
            break
    first.send_signal(signal.SIGKILL)
    first.wait()
    # It counts as lost when it was not acknowledged for visibility_timeout, which the next worker looks at as it starts.
    time.sleep(1.1)
    start_worker()
    same(task.get(timeout=WAIT_S), 42)


def chord_of_tasks():
    outcome = chord([shop.double.s(n) for n in range(10)])(shop.total.s())
    start_worker()
    same(outcome.get(timeout=WAIT_S), 90)


globals()[sys.argv[1]]()

"""Uses RQ as its users do, each checked:  REDIS_URL=… scenarios.py SCENARIO"""
import datetime
import os
import subprocess
import sys
import time

from redis import Redis
from rq import Queue, Retry

import jobs

WAIT_S = 30
connection = Redis.from_url(os.environ["REDIS_URL"])
queue = Queue(connection=connection)


def same(actual, expected):
    if actual != expected:
        raise AssertionError(f"got {actual!r} instead of {expected!r}")


def start_worker(*flags):
    command = ["-m", "rq.cli", "worker", "--url", os.environ["REDIS_URL"], "--quiet", *flags]
    return subprocess.Popen([sys.executable, *command])


def ended(job):
    """Waits until the job has ended; its status."""
    deadline = time.monotonic() + WAIT_S
    while (status := job.get_status()) not in ("finished", "failed"):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {WAIT_S} s the job is {status}")
        time.sleep(0.02)
    return status


def work():
    before = [queue.enqueue(jobs.double, n) for n in range(5)]
    same(len(queue), 5)
    start_worker()
    for n, job in enumerate(before):
        same((ended(job), job.result), ("finished", n * 2))
    later = queue.enqueue(jobs.double, 100)
    same((ended(later), later.result), ("finished", 200))
    same(jobs.connection.lrange("runs", 0, -1), [f"double {n}" for n in [*range(5), 100]])
    same(len(queue), 0)


def retries_and_dependencies():
    flaky = queue.enqueue(jobs.flaky, "a", 2, retry=Retry(max=3))
    after = queue.enqueue(jobs.double, 7, depends_on=flaky)
    hopeless = queue.enqueue(jobs.flaky, "b", 9, retry=Retry(max=1))
    start_worker()
    same((ended(flaky), flaky.result), ("finished", 3))
    same((ended(after), after.result), ("finished", 14))
    same(ended(hopeless), "failed")
    same(jobs.connection.llen("runs:b"), 2)
    same(queue.failed_job_registry.get_job_ids(), [hopeless.id])


def scheduled():
    due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    job = queue.enqueue_at(due, jobs.double, 4)
    same(len(queue), 0)
    start_worker("--with-scheduler")
    same((ended(job), job.result), ("finished", 8))
    job.refresh()
    same(job.started_at.replace(tzinfo=datetime.timezone.utc) >= due.replace(microsecond=0), True)


def killed_horse():
    job = queue.enqueue(jobs.killed_once, 21, retry=Retry(max=1))
    start_worker()
    same((ended(job), job.result), ("finished", 42))
    same(jobs.connection.llen("runs:killed"), 2)


globals()[sys.argv[1]]()

"""The application: tasks, and where its broker and results are."""
import os
import time

from celery import Celery

url = os.environ["REDIS_URL"]

app = Celery("shop", broker=url, backend=url)
app.conf.update(
    # All keys of the broker share a tag: it pops from several queues at once. kombu 5.2 puts its prefix before every key but the
    # one that it watches.
    broker_transport_options={
        "global_keyprefix": "{celery}",
        "unacked_key": "{celery}unacked",
        "visibility_timeout": 1,
    },
    broker_connection_retry=False,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    result_expires=600,
    worker_redirect_stdouts=False,
)


@app.task
def double(n):
    return n * 2


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=3)
def flaky(self, fails):
    if self.request.retries < fails:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task
def clock():
    return time.time()


@app.task
def hang_once(n):
    if os.environ.get("HANG"):
        print("at work", flush=True)
        time.sleep(600)
    return n * 2

"""What programs do with redis-py, each checked:  scenarios.py PORT SCENARIO"""
import sys
import threading
import time

import redis

port, scenario = int(sys.argv[1]), sys.argv[2]


def connect(**options):
    return redis.Redis(port=port, decode_responses=True, **options)


def same(actual, expected):
    if actual != expected:
        raise AssertionError(f"got {actual!r} instead of {expected!r}")


def in_threads(count, work):
    """Runs work(i) in so many threads; raises what one of them raised."""
    faults = []

    def guarded(i):
        try:
            work(i)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def transactional_pipeline():
    with connect().pipeline() as pipe:
        pipe.set("{a}n", 41).incr("{a}n").rpush("{a}l", "x", "y").lrange("{a}l", 0, -1)
        same(pipe.execute(), [True, 42, 2, ["x", "y"]])
        # The same pipeline again, as programs do in loops.
        same(pipe.incr("{a}n").execute(), [43])


def plain_pipeline():
    with connect().pipeline(transaction=False) as pipe:
        for i in range(300):
            pipe.set(f"k{i}", i).incr(f"k{i}")
        same(pipe.execute(), [each for i in range(300) for each in (True, i + 1)])


def fault_in_pipeline():
    client = connect()
    with client.pipeline() as pipe:
        pipe.set("{a}s", "text").lpush("{a}s", "x").set("{a}t", "after")
        try:
            pipe.execute()
            raise AssertionError("no fault")
        except redis.ResponseError as fault:
            same("WRONGTYPE" in str(fault), True)
    same(client.mget("{a}s", "{a}t"), ["text", "after"])


def watch():
    client = connect()
    client.set("{a}n", 0)

    def count(_):
        for _ in range(10):
            client.transaction(lambda pipe: pipe.set("{a}n", _next(pipe)), "{a}n")

    def _next(pipe):
        value = int(pipe.get("{a}n")) + 1
        pipe.multi()
        return value

    in_threads(10, count)
    same(client.get("{a}n"), "100")


def pubsub():
    client = connect()
    subscriber = client.pubsub()
    subscriber.subscribe("news", "sport")
    subscriber.psubscribe("n*")
    confirmed = [next_message(subscriber) for _ in range(3)]
    same([each["data"] for each in confirmed], [1, 2, 3])
    same(client.publish("sport", "one"), 1)
    same(next_message(subscriber), {"type": "message", "pattern": None, "channel": "sport", "data": "one"})
    same(client.publish("nobody", "two"), 1)
    same(next_message(subscriber), {"type": "pmessage", "pattern": "n*", "channel": "nobody", "data": "two"})
    same(client.publish("other", "three"), 0)
    same(client.publish("news", "four"), 2)
    same(sorted(next_message(subscriber)["type"] for _ in range(2)), ["message", "pmessage"])
    subscriber.ping()
    same(next_message(subscriber)["type"], "pong")
    subscriber.unsubscribe()
    same(sorted(next_message(subscriber)["channel"] for _ in range(2)), ["news", "sport"])
    same(client.publish("sport", "five"), 0)
    subscriber.close()


def next_message(subscriber):
    message = subscriber.get_message(timeout=10)
    if message is None:
        raise AssertionError("no message within 10 s")
    return message


def scan_iter():
    client = connect()
    keys = [f"scan:{i}" for i in range(1000)]
    client.mset({key: "v" for key in [*keys, "other"]})
    same(sorted(set(client.scan_iter("scan:*", count=50))), sorted(keys))
    client.rpush("scan:list", "x")
    same(list(client.scan_iter("scan:*", _type="list")), ["scan:list"])


def lock():
    client = connect()
    holders = []

    def hold(i):
        for _ in range(3):
            with client.lock("lock", timeout=20, sleep=0.005, blocking_timeout=20):
                holders.append(i)
                same(len(holders), 1)
                holders.pop()

    in_threads(8, hold)
    mine = client.lock("lock", timeout=20)
    same(mine.acquire(), True)
    same(mine.extend(10), True)
    same(client.lock("lock").acquire(blocking=False), False)
    mine.release()


def blocking_pop():
    client = connect()
    popped = []
    waiting = threading.Thread(target=lambda: popped.append(client.blpop(["{q}low", "{q}high"], timeout=10)))
    waiting.start()
    client.rpush("{q}high", "job")
    waiting.join()
    same(popped, [("{q}high", "job")])
    began = time.monotonic()
    same(client.brpop("{q}low", timeout=1), None)
    same(time.monotonic() - began >= 0.9, True)


def databases():
    zero, one = connect(), connect(db=1)
    zero.set("k", "zero")
    one.set("k", "one")
    same([zero.get("k"), one.get("k")], ["zero", "one"])
    one.flushdb()
    same([zero.get("k"), one.get("k")], ["zero", None])


def cluster_mode():
    client = redis.RedisCluster(host="127.0.0.1", port=port, decode_responses=True)
    for i in range(100):
        client.set(f"k{i}", i)
    same([client.get(f"k{i}") for i in range(100)], [str(i) for i in range(100)])
    same(len(client.get_primaries()), 1)
    with client.pipeline() as pipe:
        for i in range(100):
            pipe.incr(f"k{i}")
        same(pipe.execute(), [i + 1 for i in range(100)])
    same(client.mset_nonatomic({"{a}x": 1, "{b}y": 2}), [True, True])
    same(client.mget_nonatomic("{a}x", "{b}y"), ["1", "2"])
    same(client.keyslot("{a}x"), client.cluster_keyslot("{a}x"))
    same(sorted(set(client.scan_iter("k*"))), sorted(f"k{i}" for i in range(100)))


globals()[scenario]()

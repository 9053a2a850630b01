"""What programs do with Python's memcached clients, each checked:  scenarios.py PORT CLIENT"""
import sys

port, client = int(sys.argv[1]), sys.argv[2]


def same(actual, expected):
    if actual != expected:
        raise AssertionError(f"got {actual!r} instead of {expected!r}")


def with_pylibmc(binary):
    import pylibmc

    mc = pylibmc.Client([f"127.0.0.1:{port}"], binary=binary, behaviors={"cas": True})
    same(mc.set("one", "value"), True)
    same(mc.get("one"), "value")
    same(mc.get("none"), None)
    same(mc.add("one", "x"), False)
    try:
        same(mc.replace("none", "x"), False)
    except pylibmc.NotFound:
        same(binary, True)
    values = {f"key{i}": "v" * (i * 37) for i in range(200)}
    same(mc.set_multi(values), [])
    same(mc.get_multi(list(values) + ["none"]), values)
    same(mc.set("n", 5), True)
    same(mc.incr("n", 4), 9)
    same(mc.decr("n", 100), 0)
    same(mc.append("one", "!"), True)
    value, cas = mc.gets("key3")
    same(mc.cas("key3", "new", cas), True)
    same(mc.cas("key3", "newer", cas), False)
    same(mc.delete("one"), True)
    same(mc.delete("one"), False)
    same(mc.set("big", "x" * 900_000), True)
    same(len(mc.get("big")), 900_000)
    same(mc.touch("big", 100), True)
    same(mc.delete_multi(list(values)), True)
    same(mc.get_multi(list(values)), {})


def with_pymemcache():
    from pymemcache.client.base import Client

    mc = Client(("127.0.0.1", port))
    values = {f"key{i}": b"v" * i for i in range(100)}
    same(mc.set_many(values, noreply=False), [])
    same(mc.get_many(list(values)), values)
    same(mc.gets_many(["key1", "none"])["key1"][0], b"v")
    value, cas = mc.gets("key5")
    same(mc.cas("key5", b"new", cas), True)
    same(mc.cas("key5", b"newer", cas), False)
    same(mc.incr("none", 1), None)
    mc.set("quiet", b"x")
    same(mc.get("quiet"), b"x")
    same(mc.delete("quiet", noreply=False), True)
    same(mc.flush_all(noreply=False), True)
    same(mc.get("key5"), None)
    assert mc.version().startswith(b"1.")


def with_bmemcached():
    import bmemcached

    mc = bmemcached.Client((f"127.0.0.1:{port}",))
    same(mc.set("k", "value", time=100), True)
    same(mc.get("k"), "value")
    for i in range(100):
        same(mc.set(f"m{i}", f"value {i}"), True)
    same(mc.get_multi([f"m{i}" for i in range(120)]), {f"m{i}": f"value {i}" for i in range(100)})
    value, cas = mc.gets("k")
    same(mc.cas("k", "new", cas), True)
    same(mc.incr("n", 3, default=10), 10)
    same(mc.incr("n", 3), 13)
    same(mc.decr("n", 5), 8)
    same(mc.delete("k"), True)
    same(mc.get("k"), None)
    assert any(b"pid" in stats or "pid" in stats for stats in mc.stats().values())


if client == "pylibmc-text":
    with_pylibmc(False)
elif client == "pylibmc-binary":
    with_pylibmc(True)
elif client == "pymemcache":
    with_pymemcache()
else:
    with_bmemcached()

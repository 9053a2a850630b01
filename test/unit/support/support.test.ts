import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { Child, childPids, isAlive, run, temporaryDirectory } from '../../support/child.ts';
import {
  answering,
  byteByByte,
  cutAfter,
  type Delivery,
  followedBy,
  held,
  inOnePiece,
  inTurn,
  late,
  never,
  replacedBy,
  resetAfter,
  startFakeBackend,
  twice,
} from '../../support/fake-backend.ts';
import { freePorts } from '../../support/free-port.ts';
import { startMemcached } from '../../support/memcached-server.ts';
import { readJson, startNutcracker, testNutcrackerConfig } from '../../support/nutcracker.ts';
import { RawClient } from '../../support/raw-client.ts';
import { startRedis } from '../../support/redis-server.ts';
import { memcachedRequest, redisRequest, redisWords } from '../../support/request-splitter.ts';
import { encodeCommand, parseReply, RespError, replyEnd, splitReplies } from '../../support/resp-reader.ts';
import { startRingmaster } from '../../support/ringmaster.ts';
import { waitFor, within } from '../../support/wait-for.ts';

const ENCODED_PING = encodeCommand('PING');

describe('resp-reader', () => {
  const replies: [string, unknown][] = [
    ['+OK\r\n', 'OK'],
    ['-ERR no\r\n', new RespError('ERR no')],
    [':-12\r\n', -12],
    ['$5\r\na\r\nbc\r\n', Buffer.from('a\r\nbc')],
    ['$0\r\n\r\n', Buffer.alloc(0)],
    ['$-1\r\n', null],
    ['*-1\r\n', null],
    ['*0\r\n', []],
    ['*3\r\n:1\r\n*2\r\n+a\r\n$-1\r\n$1\r\nb\r\n', [1, ['a', null], Buffer.from('b')]],
  ];
  for (const [wire, want] of replies) {
    test(`${JSON.stringify(wire)} ends where it ends, at no split before`, () => {
      const buf = Buffer.from(wire);
      for (let i = 0; i < buf.length; i++) assert.equal(replyEnd(buf.subarray(0, i)), -1, `at ${i}`);
      assert.deepEqual(parseReply(buf), want);
      assert.deepEqual(splitReplies(Buffer.concat([buf, buf])), [buf, buf]);
    });
  }

  test('garbage, a bad length and a missing CRLF throw', () => {
    assert.throws(() => replyEnd(Buffer.from('VALUE a 0 1\r\n')), /not a reply/);
    assert.throws(() => replyEnd(Buffer.from('$1x\r\n')), /not an integer/);
    assert.throws(() => replyEnd(Buffer.from('$1\r\nabc')), /no CRLF/);
  });
});

describe('request-splitter', () => {
  test('cuts Redis arrays and inline commands at any split', () => {
    const requests = [
      encodeCommand('SET', 'k', Buffer.from('\r\n*1')),
      Buffer.from('PING\r\n'),
      encodeCommand('GET', ''),
    ];
    for (const request of requests) {
      for (let i = 0; i < request.length; i++) assert.equal(redisRequest(request.subarray(0, i)), -1);
      assert.equal(redisRequest(Buffer.concat([request, ENCODED_PING])), request.length);
    }
    assert.deepEqual(redisWords(requests[0]!), [Buffer.from('SET'), Buffer.from('k'), Buffer.from('\r\n*1')]);
    assert.deepEqual(redisWords(requests[1]!), [Buffer.from('PING')]);
  });

  test('cuts memcached lines and data blocks', () => {
    for (const text of [
      'get a b\r\n',
      'set k 0 0 4\r\n\r\nab\r\n',
      'cas k 1 2 0 77 noreply\r\n\r\n',
      'ms k 2\r\nhi\r\n',
    ]) {
      const request = Buffer.from(text);
      for (let i = 0; i < request.length; i++)
        assert.equal(memcachedRequest(request.subarray(0, i)), -1, `${text} at ${i}`);
      assert.equal(memcachedRequest(Buffer.concat([request, request])), request.length);
    }
  });
});

describe('children', () => {
  test('report output and exit, and stop by signal', async () => {
    const done = await run(process.execPath, ['-e', 'console.log(1); console.error(2); process.exit(3)']);
    assert.deepEqual({ ...done }, { code: 3, signal: null, stdout: '1\n', stderr: '2\n' });
    const child = new Child(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']);
    assert.deepEqual(await child.stop(), { code: null, signal: 'SIGTERM' });
    assert.equal(isAlive(child.pid), false);
  });

  test('that end too early say so with their output', async () => {
    const child = new Child(process.execPath, ['-e', 'console.error("no luck"); process.exit(7)']);
    await assert.rejects(
      child.until(() => false, 'a miracle'),
      /ended \(7\) before a miracle[\s\S]*no luck/,
    );
  });

  for (const [how, script] of [
    ['returns', 'setTimeout(() => {}, 50)'],
    ['throws', 'throw new Error("x")'],
    ['is killed with SIGTERM', 'process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1e6)'],
    ['is killed with SIGKILL', 'process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1e6)'],
  ] as const) {
    test(`do not outlive a parent that ${how}`, async () => {
      const module = JSON.stringify(new URL('../../support/child.ts', import.meta.url).href);
      const parent = await run(process.execPath, [
        '--input-type=module',
        '-e',
        `import { writeSync } from 'node:fs';
         import { Child } from ${module};
         const child = new Child(process.execPath, ['-e', 'console.log("up"); setInterval(() => {}, 1e6)']);
         // Before it runs, it does not know that it is to end with us.
         await child.until(() => child.stdout().includes('up'), 'its first word');
         writeSync(1, String(child.pid));
         ${script}`,
      ]);
      const pid = Number(parent.stdout);
      assert.ok(pid > 0, parent.stderr);
      await waitFor(() => !isAlive(pid), { what: 'the end of the child' });
    });
  }
});

describe('waiting', () => {
  test('fails loudly at its upper bound', async () => {
    await assert.rejects(
      waitFor(() => false, { what: 'godot', timeoutMs: 20 }),
      /20 ms in vain for godot/,
    );
    await assert.rejects(within(new Promise(() => {}), { what: 'godot', timeoutMs: 20 }), /20 ms in vain for godot/);
    assert.equal(await waitFor(() => 5, { what: 'five' }), 5);
  });

  test('free ports are different and free', async () => {
    const ports = await freePorts(20);
    assert.equal(new Set(ports).size, 20);
    const server = createServer().listen(ports[7]!, '127.0.0.1');
    await once(server, 'listening');
    server.close();
  });
});

describe('real servers', () => {
  test('redis starts, answers, freezes, dies and comes back on its port', async () => {
    const redis = await startRedis({ requirepass: 'sesame', hasUnixSocket: true, maxmemoryBytes: 64 << 20 });
    assert.equal(await redis.command('SET', 'k', 'v'), 'OK');
    const overPath = await RawClient.connect(redis.socketPath);
    assert.deepEqual(await overPath.command('GET', 'k'), new RespError('NOAUTH Authentication required.'));
    redis.freeze();
    overPath.send(ENCODED_PING);
    redis.thaw();
    await overPath.readReply();
    await redis.kill();
    await overPath.closed;
    const again = await startRedis({ port: redis.port });
    assert.equal(await again.command('GET', 'k'), null);
    await again.stop();
    assert.equal(isAlive(again.pid), false);
  });

  test('memcached starts on TCP or a unix socket and answers', async () => {
    for (const hasUnixSocket of [false, true]) {
      const memcached = await startMemcached({ hasUnixSocket });
      assert.equal((await memcached.ask('set k 0 0 1\r\nv\r\n')).toString(), 'STORED\r\n');
      assert.equal((await memcached.ask('get k\r\n', 'END\r\n')).toString(), 'VALUE k 0 1\r\nv\r\nEND\r\n');
      await memcached.stop();
    }
  });

  test('nutcracker starts in front of a server and serves its statistics', async t => {
    const redis = await startRedis();
    t.after(() => redis.kill());
    const [port] = await freePorts(1);
    const config = `alpha:\n  listen: 127.0.0.1:${port}\n  redis: true\n  servers:\n    - 127.0.0.1:${redis.port}:1\n`;
    assert.equal((await testNutcrackerConfig(config)).code, 0);
    assert.equal((await testNutcrackerConfig('alpha: 7\n')).code, 1);
    const nutcracker = await startNutcracker(config);
    t.after(() => nutcracker.kill());
    const client = await RawClient.connect(nutcracker.ports.alpha!);
    assert.equal(await client.command('SET', 'k', 'v'), 'OK');
    assert.equal((await nutcracker.stats()).service, 'nutcracker');
    await assert.rejects(startNutcracker(config), /ended|listening/);
    await nutcracker.stop();
    await client.closed;
    await redis.stop();
  });

  test('ringmaster.ts waits for the pid file, sees workers and wants exit code 0', async () => {
    const entry = path.join(temporaryDirectory('stand-in'), 'main.mjs');
    writeFileSync(
      entry,
      `import { spawn } from 'node:child_process';
       import { rmSync, writeFileSync } from 'node:fs';
       const pidFile = process.argv[process.argv.indexOf('-p') + 1];
       if (process.argv.includes('--bad')) { console.error('port in use'); process.exit(1); }
       const worker = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']);
       worker.once('spawn', () => writeFileSync(pidFile, process.pid + '\\n'));
       process.once('SIGTERM', () => { worker.kill(); rmSync(pidFile); process.exit(process.argv.includes('--sick') ? 4 : 0); });`,
    );
    const daemon = await startRingmaster({ entry, config: 'pools: {}\n', workers: 1 });
    const [worker] = daemon.workerPids();
    assert.equal(daemon.workerPids().length, 1);
    await daemon.stop();
    await waitFor(() => !isAlive(worker!), { what: 'the end of the worker' });
    await assert.rejects(startRingmaster({ entry, config: '', args: ['--bad'] }), /port in use/);
    const sick = await startRingmaster({ entry, config: '', args: ['--sick'] });
    await assert.rejects(sick.stop(), /exit after SIGTERM with code 0/);
    const killed = await startRingmaster({ entry, config: '' });
    const workers = killed.workerPids();
    await killed.kill();
    await waitFor(() => !workers.some(isAlive), { what: 'the end of master and workers' });
    assert.deepEqual(childPids(killed.pid), []);
  });
});

describe('fake backend', () => {
  const REPLY = '$5\r\nhello\r\n';

  /** What a client reads after one PING, until the reply is complete or the connection is gone. */
  async function askOnce(delivery: Delivery): Promise<{ text: string; error: string }> {
    const backend = await startFakeBackend(answering(redisRequest, () => REPLY, delivery));
    const client = await RawClient.connect(backend.port);
    client.send(ENCODED_PING);
    await backend.untilRequests(1);
    assert.deepEqual(backend.requests(), [ENCODED_PING]);
    const reply = await client.readReply().catch(() => Buffer.alloc(0));
    const text = Buffer.concat([reply, client.unread()]).toString();
    client.destroy();
    await backend.close();
    return {
      text,
      error: (client.error as NodeJS.ErrnoException | null)?.code ?? '',
    };
  }

  test('answers whole, late, byte by byte, twice, too much, wrong, cut and reset', async () => {
    assert.deepEqual(await askOnce(inOnePiece), { text: REPLY, error: '' });
    assert.deepEqual(await askOnce(late(20)), { text: REPLY, error: '' });
    assert.deepEqual(await askOnce(byteByByte), { text: REPLY, error: '' });
    assert.deepEqual(await askOnce(twice), { text: REPLY + REPLY, error: '' });
    assert.deepEqual(await askOnce(followedBy('?')), { text: `${REPLY}?`, error: '' });
    assert.deepEqual(await askOnce(replacedBy(':1\r\n')), { text: ':1\r\n', error: '' });
    assert.deepEqual(await askOnce(cutAfter(6)), { text: REPLY.slice(0, 6), error: '' });
    assert.equal((await askOnce(resetAfter())).error, 'ECONNRESET');
  });

  test('keeps replies in order, holds them, changes deliveries in turn, and can stay silent', async () => {
    const { delivery, release } = held();
    const backend = await startFakeBackend(
      answering(redisRequest, (_request, nth) => `:${nth}\r\n`, inTurn(delivery, byteByByte, inOnePiece)),
    );
    const client = await RawClient.connect(backend.port);
    client.send(Buffer.concat([ENCODED_PING, ENCODED_PING, ENCODED_PING]));
    await backend.untilRequests(3);
    assert.equal(client.unread().length, 0);
    release();
    assert.equal(Buffer.concat(await client.readReplies(3)).toString(), ':0\r\n:1\r\n:2\r\n');
    backend.handler = answering(redisRequest, () => '+no\r\n', never);
    client.send(ENCODED_PING);
    await backend.untilRequests(4);
    backend.resetAll();
    await client.closed;
    assert.equal((client.error as NodeJS.ErrnoException | null)?.code, 'ECONNRESET');
    assert.equal(client.unread().length, 0);
    await backend.close();
  });
});

describe('raw client', () => {
  test('reads by count, text, reply and to the end, and fails loudly', async () => {
    const server = createServer(socket => socket.end('abcd\r\n+OK\r\nrest')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const client = await RawClient.connect(port);
    assert.equal((await client.readUntil(2)).toString(), 'ab');
    assert.equal((await client.readLine()).toString(), 'cd\r\n');
    assert.equal((await client.readReply()).toString(), '+OK\r\n');
    assert.equal((await client.readToEnd()).toString(), 'rest');
    await assert.rejects(client.readUntil(1), /ended inside a reply/);
    server.close();
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const waiting = await RawClient.connect((silent.address() as { port: number }).port, { timeoutMs: 20 });
    await assert.rejects(waiting.readUntil(1), /no more bytes after 20 ms/);
    waiting.destroy();
    silent.close();
  });

  test('sends and reads a large value with a half-close', async () => {
    const server = createServer({ allowHalfOpen: true }, socket => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = await RawClient.connect((server.address() as { port: number }).port);
    const bytes = Buffer.alloc(16 << 20, 'x0y1');
    client.send(bytes);
    client.end();
    assert.ok((await client.readToEnd()).equals(bytes));
    await client.closed;
    server.close();
  });
});

test('a statistics port that sends JSON and closes is read to its end', async () => {
  const server = createServer(socket => socket.end('{"service":"x"}\n')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  assert.deepEqual(await readJson((server.address() as { port: number }).port), { service: 'x' });
  server.close();
});

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { Api, type JsonAnswer, pageRoutes } from '../../../src/admin/api.ts';
import { EventStream } from '../../../src/admin/event-stream.ts';
import type { ReadinessReport } from '../../../src/admin/readiness.ts';
import { type AdminListener, AdminServer, type AdminServerOptions } from '../../../src/admin/server.ts';
import { temporaryDirectory } from '../../support/child.ts';
import { CollectedLog } from '../../support/collected-log.ts';
import { RawClient } from '../../support/raw-client.ts';
import { within } from '../../support/wait-for.ts';

const READY: ReadinessReport = { ready: true, workers: [], pools: [] };

interface Started {
  readonly port: number;
  readonly server: AdminServer;
  readonly listener: AdminListener;
  readonly log: CollectedLog;
  /** Sends a request and reads to the end of the connection. */
  ask(request: string): Promise<{ status: number; head: string; body: string }>;
}

async function start(t: TestContext, options: Partial<AdminServerOptions> = {}): Promise<Started> {
  const log = new CollectedLog();
  const server = new AdminServer({
    metrics: { contentType: 'text/plain; version=0.0.4; charset=utf-8', render: async () => 'up 1\n' },
    readiness: { check: async () => READY },
    fresh: async () => {},
    config: () => ({ pools: [] }),
    api: new Api([]),
    stream: new EventStream(),
    control: new Map(),
    token: () => null,
    log,
    ...options,
  });
  const listener = await server.open({ host: '127.0.0.1', port: 0 });
  const { port } = listener.address;
  t.after(() => server.close());
  return {
    port,
    server,
    listener,
    log,
    async ask(request) {
      const client = await RawClient.connect(port);
      client.send(request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
      const [head = '', body = ''] = (await client.readToEnd()).toString().split('\r\n\r\n');
      return { status: Number(head.split(' ')[1]), head: head.toLowerCase(), body };
    },
  };
}

function get(path: string, method = 'GET'): string {
  return `${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
}

describe('pages', () => {
  test('/healthz says ok', async t => {
    const { ask } = await start(t);
    const { status, body } = await ask(get('/healthz'));
    assert.deepEqual([status, body], [200, 'ok\n']);
  });

  test('/metrics gives what is rendered, in the type of Prometheus, whatever the query', async t => {
    const { ask } = await start(t);
    const { status, head, body } = await ask(get('/metrics?name=x'));
    assert.deepEqual([status, body], [200, 'up 1\n']);
    assert.match(head, /^content-type: text\/plain; version=0\.0\.4; charset=utf-8\r$/m);
    assert.match(head, /^content-length: 5\r$/m);
  });

  test('/ lists the pages', async t => {
    const { ask } = await start(t);
    const { status, body } = await ask(get('/'));
    assert.equal(status, 200);
    for (const page of ['/metrics', '/healthz', '/readyz']) assert.ok(body.includes(page));
  });

  for (const [ready, expected] of [
    [true, 200],
    [false, 503],
  ] as const) {
    test(`/readyz is ${expected} when ready is ${ready}, with the report as JSON`, async t => {
      const report: ReadinessReport = {
        ready,
        workers: [{ slot: 0, state: 'serving', pid: 1, restarts: 0, why: null }],
        pools: [{ name: 'p', ready, workers: 1, why: null, servers: [{ name: 's', reachable: ready, why: null }] }],
      };
      const { ask } = await start(t, { readiness: { check: async () => report } });
      const { status, head, body } = await ask(get('/readyz'));
      assert.equal(status, expected);
      assert.match(head, /^content-type: application\/json\r$/m);
      assert.deepEqual(JSON.parse(body), report);
    });
  }

  test('another path is not found, and the answer says what there is', async t => {
    const { ask } = await start(t);
    const { status, body } = await ask(get('/metric'));
    assert.deepEqual([status, body], [404, 'Not found. There is: / /healthz /metrics /readyz /config\n']);
  });

  test('another method is refused in plain words, its body is not waited for', async t => {
    const { ask } = await start(t);
    const { status, head, body } = await ask('POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc');
    assert.deepEqual([status, body], [405, 'Method not allowed: only GET and HEAD here.\n']);
    assert.match(head, /^allow: get, head\r?$/m);
  });

  test('HEAD has the head of GET and no body', async t => {
    const { ask } = await start(t);
    const { status, head, body } = await ask(get('/metrics', 'HEAD'));
    assert.deepEqual([status, body], [200, '']);
    assert.match(head, /^content-length: 5\r$/m);
  });

  test('a page that fails is a 500, and the log has the cause', async t => {
    const { ask, log } = await start(t, { readiness: { check: () => Promise.reject(new Error('oh')) } });
    const { status } = await ask(get('/readyz'));
    assert.equal(status, 500);
    assert.deepEqual(log.lines, ['error admin page failed']);
  });

  test('garbage is a bad request', async t => {
    const { ask } = await start(t);
    const { status } = await ask('*1\r\n$4\r\nPING\r\n');
    assert.equal(status, 400);
  });
});

describe('control', () => {
  const control = new Map([['/-/act', async () => ({ status: 409, body: { result: 'refused' } })]]);
  const post = (path: string, more = '') => `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`;

  test('answers a POST in JSON, with its status', async t => {
    const { ask } = await start(t, { control });
    const { status, head, body } = await ask(post('/-/act'));
    assert.deepEqual([status, JSON.parse(body)], [409, { result: 'refused' }]);
    assert.match(head, /^content-type: application\/json\r$/m);
  });

  test('does nothing on GET', async t => {
    let isDone = false;
    const act = async () => {
      isDone = true;
      return { status: 200, body: {} };
    };
    const acts = new Map([['/-/act', act]]);
    const { ask } = await start(t, { control: acts });
    const { status, head } = await ask(get('/-/act'));
    assert.equal(status, 405);
    assert.match(head, /^allow: post\r?$/m);
    assert.equal(isDone, false);
  });

  test('asks for the token, and logs who comes without; as it is at the time', async t => {
    let token: string | null = 'abc';
    const { ask, log } = await start(t, { control, token: () => token });
    const { status, head } = await ask(post('/-/act'));
    assert.equal(status, 401);
    assert.match(head, /^www-authenticate: bearer\r?$/m);
    assert.deepEqual(log.lines, ['warn admin request refused']);
    assert.equal((await ask(post('/-/act', 'Authorization: Bearer abc\r\n'))).status, 409);
    token = null;
    assert.equal((await ask(post('/-/act'))).status, 409);
  });

  test('is not cut off, however long it takes', async t => {
    const slow = new Map([
      ['/-/act', () => new Promise<JsonAnswer>(resolve => setTimeout(resolve, 300, { status: 200, body: {} }))],
    ]);
    const { ask } = await start(t, { control: slow, clientTimeoutMs: 50 });
    assert.equal((await ask(post('/-/act'))).status, 200);
  });
});

test('/config gives the configuration, but not to a page that made a name point here', async t => {
  const { ask } = await start(t, { config: () => ({ workers: 3 }) });
  const { status, body } = await ask('GET /config HTTP/1.1\r\nHost: localhost:1\r\n\r\n');
  assert.deepEqual([status, JSON.parse(body)], [200, { workers: 3 }]);
  assert.equal((await ask(get('/config'))).status, 403);
});

test('another address takes over; who is being answered at the old one still gets the answer', async t => {
  const gate = Promise.withResolvers<void>();
  const { server, listener, port, ask } = await start(t, { fresh: () => gate.promise });
  const client = await RawClient.connect(port);
  client.send(get('/metrics'));
  await ask(get('/healthz'));
  const next = await server.open({ host: '127.0.0.1', port: 0 });
  listener.close();
  await assert.rejects(RawClient.connect(port), { code: 'ECONNREFUSED' });
  gate.resolve();
  assert.match((await client.readToEnd()).toString(), /^HTTP\/1\.1 200 /);
  const other = await RawClient.connect(next.address.port);
  other.send(get('/healthz'));
  assert.match(String(await other.readUntil('ok\n')), /^HTTP\/1\.1 200 /);
  other.destroy();
});

describe('figures', () => {
  test('are asked for before they are rendered', async t => {
    let isFresh = false;
    const { ask } = await start(t, {
      fresh: async () => {
        await new Promise(setImmediate);
        isFresh = true;
      },
      metrics: { contentType: 'text/plain', render: async () => String(isFresh) },
    });
    assert.equal((await ask(get('/metrics'))).body, 'true');
  });

  test('are given as they are when asking fails', async t => {
    const { ask, log } = await start(t, { fresh: () => Promise.reject(new Error('worker died')) });
    const { status, body } = await ask(get('/metrics'));
    assert.deepEqual([status, body], [200, 'up 1\n']);
    assert.deepEqual(log.lines, ['warn metrics are not up to date']);
  });

  test('are asked for once for all who ask at the same time', async t => {
    const gate = Promise.withResolvers<void>();
    let asked = 0;
    const { port, ask } = await start(t, {
      fresh: () => {
        asked++;
        return gate.promise;
      },
    });
    const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(port)));
    for (const client of clients) client.send(get('/metrics'));
    // Their requests were there before this connection was, so that by its answer they have been read.
    await ask(get('/healthz'));
    gate.resolve();
    for (const client of clients) assert.match(String(await client.readUntil('up 1\n')), /^HTTP\/1\.1 200 /);
    assert.equal(asked, 1);
    for (const client of clients) client.destroy();
  });
});

describe('a client that stalls', () => {
  const clientTimeoutMs = 100;

  test('is cut off when it sends nothing', async t => {
    const { port } = await start(t, { clientTimeoutMs });
    const client = await RawClient.connect(port);
    await within(client.closed, { what: 'the end of the connection' });
  });

  test('is cut off when it does not finish its request', async t => {
    const { port } = await start(t, { clientTimeoutMs });
    const client = await RawClient.connect(port);
    client.send('GET /metrics HTTP/1.1\r\nHost:');
    assert.match((await client.readToEnd()).toString(), /^HTTP\/1\.1 408 /);
  });

  test('is cut off when it does not read its answer', async t => {
    const body = 'x'.repeat(64 << 20);
    const { port } = await start(t, { clientTimeoutMs, metrics: { contentType: 'a/b', render: async () => body } });
    const client = await RawClient.connect(port);
    client.pause();
    const requested = nextRequestSocket();
    client.send(get('/metrics'));
    await within(once(await requested, 'close'), { what: "the end of the server's side" });
    client.destroy();
  });

  test('does not keep another one waiting', async t => {
    const { port, ask } = await start(t);
    const stuck = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(port)));
    for (const client of stuck) client.send('GET / HT');
    assert.equal((await ask(get('/healthz'))).status, 200);
    for (const client of stuck) client.destroy();
  });
});

describe('a connection that is kept', () => {
  test('serves one request after the other', async t => {
    const { port } = await start(t);
    const client = await RawClient.connect(port);
    for (const [path, body] of [
      ['/healthz', 'ok\n'],
      ['/metrics', 'up 1\n'],
      ['/nothing', '/config\n'],
      ['/healthz', 'ok\n'],
    ] as const) {
      client.send(get(path));
      assert.match(String(await client.readUntil(body)), /^HTTP\/1\.1 (?:200|404) .*\r\n\r\n/s);
    }
    client.send('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.match(String(await client.readToEnd()), /ok\n$/);
  });

  test('requests that come at once are answered in their order, one at a time', async t => {
    let running = 0;
    let most = 0;
    const render = async () => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
      return 'up 1\n';
    };
    const { port } = await start(t, { metrics: { contentType: 'a/b', render } });
    const close = 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    const client = await RawClient.connect(port);
    client.send(get('/metrics').repeat(5) + close);
    const answers = String(await client.readToEnd());
    assert.deepEqual(answers.match(/up 1|ok/g), ['up 1', 'up 1', 'up 1', 'up 1', 'up 1', 'ok']);
    assert.equal(most, 1);
  });

  test('who sends many before it has its answers is cut off', async t => {
    const gate = Promise.withResolvers<string>();
    let rendered = 0;
    const render = () => {
      rendered++;
      return gate.promise;
    };
    const { port, ask } = await start(t, { metrics: { contentType: 'a/b', render } });
    const client = await RawClient.connect(port);
    client.send(get('/metrics').repeat(500));
    await within(client.closed, { what: 'the end of the connection' });
    assert.equal(rendered, 1);
    gate.resolve('up 1\n');
    assert.equal((await ask(get('/healthz'))).status, 200);
  });

  test('makes room for others while it is silent', async t => {
    const { port } = await start(t);
    const clients: RawClient[] = [];
    for (let i = 0; i < 49; i++) {
      const client = await RawClient.connect(port);
      client.send(get('/healthz'));
      await client.readUntil('ok\n');
      clients.push(client);
    }
    await within(clients[0]!.closed, { what: 'the end of the oldest' });
    for (const client of clients.slice(1)) client.destroy();
  });
});

describe('a unix socket', () => {
  const bare = (path: string, method = 'GET') =>
    `${method} ${path} HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n\r\n`;
  const path = () => `${temporaryDirectory('admin')}/admin.sock`;

  test('is only for whom its mode lets in, and these need no token', async t => {
    const control = new Map([['/-/act', async () => ({ status: 200, body: { result: 'done' } })]]);
    const { server } = await start(t, { control, token: () => 'geheim' });
    const listener = await server.openSocket({ path: path(), mode: 0o640 });
    assert.equal(statSync(listener.address.path).mode & 0o777, 0o640);
    for (const request of [bare('/config'), bare('/-/act', 'POST')]) {
      const client = await RawClient.connect(listener.address.path);
      client.send(request);
      assert.match(String(await client.readToEnd()), /^HTTP\/1\.1 200 /);
    }
    listener.close();
    assert.equal(existsSync(listener.address.path), false);
  });

  test('that was left behind is taken over, one that is served is not, nor another kind of file', async t => {
    const { server } = await start(t);
    const [first, second, third] = [path(), path(), path()];
    const other = createServer().listen(first);
    t.after(() => other.close());
    await once(other, 'listening');
    await assert.rejects(server.openSocket({ path: first, mode: 0o600 }), /another process serves it$/);
    // The file stays when its socket is gone from under it.
    const gone = createServer().listen(second);
    await once(gone, 'listening');
    renameSync(second, third);
    gone.close();
    await once(gone, 'close');
    const listener = await server.openSocket({ path: third, mode: 0o600 });
    const client = await RawClient.connect(third);
    client.send(bare('/healthz'));
    assert.match(String(await client.readToEnd()), /ok\n$/);
    listener.close();
    writeFileSync(third, 'text');
    await assert.rejects(server.openSocket({ path: third, mode: 0o600 }), /cannot listen on/);
    assert.equal(readFileSync(third, 'utf8'), 'text');
    await assert.rejects(server.openSocket({ path: '/nowhere/at/all', mode: 0o600 }), /its directory does not exist$/);
  });
});

test('over the limit the oldest that has sent no request makes room; who is being answered stays', async t => {
  const scrape = Promise.withResolvers<string>();
  const asked = Promise.withResolvers<void>();
  const render = () => {
    asked.resolve();
    return scrape.promise;
  };
  const { port, ask } = await start(t, { metrics: { contentType: 'text/plain', render } });
  const scraper = await RawClient.connect(port);
  scraper.send(get('/metrics'));
  await asked.promise;
  const clients: RawClient[] = [];
  while (clients.length < 48) clients.push(await RawClient.connect(port));
  await within(clients[0]!.closed, { what: 'the end of the oldest silent connection' });
  clients[1]!.send(get('/healthz'));
  assert.match(String(await clients[1]!.readUntil('ok\n')), /^HTTP\/1.1 200 /);
  assert.equal((await ask(get('/healthz'))).status, 200);
  scrape.resolve('up 1\n');
  assert.match(String(await scraper.readUntil('up 1\n')), /^HTTP\/1\.1 200 /);
  scraper.destroy();
  for (const client of clients) client.destroy();
});

test('a port in use is one sentence that names the address', async t => {
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const server = new AdminServer({
    metrics: { contentType: '', render: async () => '' },
    readiness: { check: async () => READY },
    fresh: async () => {},
    config: () => ({}),
    api: new Api([]),
    stream: new EventStream(),
    control: new Map(),
    token: () => null,
    log: new CollectedLog(),
  });
  await assert.rejects(server.open({ host: '127.0.0.1', port }), {
    message: `admin server cannot listen on 127.0.0.1:${port}: the port is in use`,
  });
  await server.close();
});

test('close cuts off requests that are being answered, and resolves', async t => {
  const asked = Promise.withResolvers<void>();
  const fresh = () => {
    asked.resolve();
    return new Promise<void>(() => {});
  };
  const { port, server } = await start(t, { fresh });
  const client = await RawClient.connect(port);
  client.send(get('/metrics'));
  await asked.promise;
  await within(server.close(), { what: 'the end of close()', timeoutMs: 5000 });
  await within(client.closed, { what: 'the end of the connection', timeoutMs: 5000 });
});

/** The server's side of the connection on which the next HTTP request of this process is received. */
function nextRequestSocket(): Promise<Socket> {
  return new Promise(resolve => {
    const take = (message: unknown) => {
      unsubscribe('http.server.request.start', take);
      resolve((message as { socket: Socket }).socket);
    };
    subscribe('http.server.request.start', take);
  });
}

describe('pages of the API', () => {
  const pages = new Map([
    ['/api/v1/x', async (query: URLSearchParams) => ({ status: 404, body: { asked: query.get('pool') } })],
  ]);
  const api = new Api(pageRoutes(pages));

  test('answer in JSON, with their status, by the query', async t => {
    const { ask } = await start(t, { api });
    const { status, head, body } = await ask('GET /api/v1/x?pool=a%20b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    assert.deepEqual([status, JSON.parse(body)], [404, { asked: 'a b' }]);
    assert.match(head, /^content-type: application\/json\r$/m);
  });

  test('are read only, and not by a web page whose name was made to point here', async t => {
    const { ask } = await start(t, { api });
    assert.equal((await ask('POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\ncontent-length: 0\r\n\r\n')).status, 405);
    assert.equal((await ask('GET /api/v1/x HTTP/1.1\r\nHost: evil.example\r\n\r\n')).status, 403);
  });
});

describe('changes by the API', () => {
  const api = new Api([
    {
      method: 'PATCH',
      path: '/api/v1/things/{name}',
      handle: async ({ params, body, by }) => ({ status: 200, body: { params, body, by } }),
    },
  ]);
  const patch = (path: string, body: string, headers = 'content-type: application/json\r\n') =>
    `PATCH ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`;

  test('have the parts of their path, a body, and who asks', async t => {
    const { ask } = await start(t, { api });
    const { status, body } = await ask(patch('/api/v1/things/a%2Fb', '{"x":1}'));
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(body), { params: { name: 'a/b' }, body: { x: 1 }, by: 'admin from 127.0.0.1' });
    const named = await ask(patch('/api/v1/things/a', '', 'x-ringmaster-by: alice\r\n'));
    assert.deepEqual(JSON.parse(named.body), { params: { name: 'a' }, body: null, by: 'alice from 127.0.0.1' });
  });

  test('need a body that is JSON, says so, and is small', async t => {
    const { ask } = await start(t, { api });
    assert.equal((await ask(patch('/api/v1/things/a', '{"x":'))).status, 400);
    assert.equal((await ask(patch('/api/v1/things/a', '{}', 'content-type: text/plain\r\n'))).status, 415);
    assert.equal((await ask(patch('/api/v1/things/a', ' '.repeat(65 * 1024)))).status, 413);
  });

  test('need the token, and do not come from a web page', async t => {
    const { ask } = await start(t, { api, token: () => 'geheim' });
    assert.equal((await ask(patch('/api/v1/things/a', '{}'))).status, 401);
    const origin = 'authorization: Bearer geheim\r\norigin: http://x\r\ncontent-type: application/json\r\n';
    assert.equal((await ask(patch('/api/v1/things/a', '{}', origin))).status, 403);
    assert.equal((await ask(patch('/api/v1/things/a', '{}', origin.replace(/origin.*\r\n(?=c)/, '')))).status, 200);
  });

  test('are not there at other paths, and not by other methods', async t => {
    const { ask } = await start(t, { api });
    assert.equal((await ask(patch('/api/v1/things', '{}'))).status, 404);
    assert.equal((await ask(patch('/api/v1/things/%zz', '{}'))).status, 404);
    const wrong = await ask(get('/api/v1/things/a'));
    assert.equal(wrong.status, 405);
    assert.match(wrong.head, /^allow: patch\r$/m);
  });
});

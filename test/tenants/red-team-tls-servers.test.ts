// Servers behind TLS that mean harm: not who they should be, silent or gone in their handshake, garbage after it, replies cut short.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { createSecureContext, TLSSocket } from 'node:tls';
import { Authority, type CertificateFiles } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { type Daemon, type PoolOfDaemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const LARGE = 300_000;
const SILENT = 'is silent in its handshake';
const SECRET = 'what only the right server may be told';

/** What a server does when it was asked something, or at once when somebody connects. */
interface Manners {
  onConnect?(plain: Socket): void;
  onRequest?(tls: TLSSocket, plain: Socket, request: Buffer): void;
}

const wrongs: Record<string, Manners> = {
  garbage: { onRequest: tls => void tls.write('HTTP/1.1 200 OK\r\n\r\nx') },
  unasked: {
    onRequest: tls => void tls.write('$2\r\nno\r\n$5\r\nstray\r\n'),
  },
  'closes in its handshake': { onConnect: plain => void plain.once('data', () => plain.destroy()) },
  'resets in its handshake': { onConnect: plain => void plain.once('data', () => plain.resetAndDestroy()) },
  [SILENT]: { onConnect: () => {} },
  'answers a handshake with garbage': { onConnect: plain => void plain.once('data', () => plain.write('+PONG\r\n')) },
};

/** Replies that end in the middle, the connection without TLS's farewell. */
const CUT: Record<string, string> = {
  'in a length': '$1',
  'behind a length': '$10\r\n',
  'in a value': '$10\r\n12345',
  'before the end of line': '$10\r\n1234567890\r',
  'in a line': '+OK',
  'in an array': '*2\r\n$1\r\na\r\n',
};

let authority: Authority;
let good: CertificateFiles;
let daemon: Daemon;
const servers: Server[] = [];
const told = new Map<string, string>();
const release: (() => unknown)[] = [];

/** The port of a server of these manners; all it is told in TLS is kept under `name`. */
async function serve(name: string, pair: CertificateFiles, { onConnect, onRequest }: Manners): Promise<number> {
  const secureContext = createSecureContext({ cert: readFileSync(pair.cert), key: readFileSync(pair.key) });
  const server = createServer(plain => {
    plain.on('error', () => {});
    if (onConnect !== undefined) {
      plain.resume();
      onConnect(plain);
      return;
    }
    const tls = new TLSSocket(plain, { isServer: true, secureContext });
    tls.on('error', () => {});
    tls.on('data', (request: Buffer) => {
      told.set(name, (told.get(name) ?? '') + request.toString('latin1'));
      onRequest?.(tls, plain, request);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return (server.address() as { port: number }).port;
}

/** Writes, and then closes TCP under TLS. */
function cutShort(tls: TLSSocket, plain: Socket, reply: string): void {
  tls.write(reply, () => plain.destroy());
}

before(async () => {
  authority = await Authority.create();
  good = await authority.sign('good');
  const day = 86_400_000;
  const bad: Record<string, CertificateFiles> = {
    'another name': await authority.sign('another', 'DNS:another.test'),
    expired: await authority.signBetween('expired', new Date(Date.now() - 3 * day), new Date(Date.now() - day)),
    'not yet valid': await authority.signBetween('early', new Date(Date.now() + day), new Date(Date.now() + 3 * day)),
    'another authority': await (await Authority.create()).sign('stranger'),
  };
  const pools: Record<string, PoolOfDaemon> = {};
  const add = (name: string, port: number, protocol: 'redis' | 'memcached' = 'redis') => {
    // A busy machine takes its time for the handshakes that are to be made.
    const connectTimeout = name === SILENT ? '300ms' : '20s';
    const settings = [`server_tls: { ca: ${authority.cert} }`, `connect_timeout: ${connectTimeout}`, 'timeout: 20s'];
    pools[name] = { protocol, servers: [port], settings };
  };
  for (const [name, pair] of Object.entries(bad)) {
    add(name, await serve(name, pair, { onRequest: tls => void tls.write('+OK\r\n') }));
  }
  for (const [name, manners] of Object.entries(wrongs)) add(name, await serve(name, good, manners));
  add(
    'cut',
    await serve('cut', good, {
      onRequest: (tls, plain, request) => cutShort(tls, plain, CUT[String(request).split('\r\n')[4] as string] ?? ''),
    }),
  );
  add(
    'cut late',
    await serve('cut late', good, {
      onRequest: (tls, plain, request) => {
        const one = '$3\r\none\r\n';
        if (request.includes('large')) cutShort(tls, plain, `$${LARGE}\r\n${'x'.repeat(LARGE - 1)}`);
        else cutShort(tls, plain, `${one}$3\r\ntw`);
      },
    }),
  );
  add(
    'cut memcached',
    await serve('cut memcached', good, { onRequest: (tls, plain) => cutShort(tls, plain, 'VALUE k 0 10\r\n12345') }),
    'memcached',
  );
  const port = await freePort();
  const files = ['--tls-cert-file', good.cert, '--tls-key-file', good.key, '--tls-ca-cert-file', authority.cert];
  const redis = await startRedis({ args: ['--tls-port', String(port), ...files, '--tls-auth-clients', 'no'] });
  release.push(() => redis.kill());
  add('fine', port);
  daemon = await startDaemon({ after: end => release.push(end as () => unknown) }, pools);
});

after(async () => {
  for (const server of servers) server.close();
  await Promise.all(release.map(end => end()));
});

async function ask(pool: string, ...args: string[]): Promise<string> {
  const client = await daemon.client(pool);
  client.send(encodeCommand(...args));
  const reply = String(await client.readReply());
  client.destroy();
  return reply;
}

test('a server that can not prove who it is is told nothing', async () => {
  for (const name of ['another name', 'expired', 'not yet valid', 'another authority']) {
    assert.equal(await ask(name, 'SET', 'k', SECRET), '-ERR server and proxy could not agree on TLS\r\n', name);
    assert.equal(told.get(name), undefined);
  }
});

test('one that fails in its handshake is an error, and none hangs', async () => {
  for (const name of Object.keys(wrongs).filter(each => each.includes('handshake'))) {
    assert.match(await ask(name, 'SET', 'k', SECRET), /^-ERR /, name);
    assert.equal(told.get(name), undefined);
  }
  const complaints = () => {
    const lines = daemon.logged(/^server refused the handshake$/);
    return new Map(lines.map(({ pool, complaint }) => [pool, complaint]));
  };
  await waitFor(() => complaints().has(SILENT), { what: 'the silent one to be in the log' });
  assert.equal(complaints().get(SILENT), 'TLS: no answer to the handshake: it may not speak TLS at this address');
  const spoken = complaints().get('answers a handshake with garbage');
  assert.equal(spoken, 'TLS: it does not speak TLS at this address');
});

test('garbage in TLS is an error, and reaches nobody; nor does a reply that was not asked for', async () => {
  assert.match(await ask('garbage', 'GET', 'k'), /^-ERR /);
  for (let i = 0; i < 3; i++) {
    const reply = await ask('unasked', 'GET', 'k');
    assert.ok(reply === '$2\r\nno\r\n' || reply.startsWith('-ERR '), reply);
  }
});

test('a reply that ends in its middle is an error, and never a shorter reply', async () => {
  for (const name of Object.keys(CUT)) assert.match(await ask('cut', 'GET', name), /^-ERR [^\r]+\r\n$/, name);
});

test('the replies before the cut are good, those behind it errors', async () => {
  const client: RawClient = await daemon.client('cut late');
  client.send(Buffer.concat([encodeCommand('GET', 'a'), encodeCommand('GET', 'b'), encodeCommand('GET', 'c')]));
  const replies = (await client.readReplies(3)).map(String);
  client.destroy();
  assert.equal(replies[0], '$3\r\none\r\n');
  for (const reply of replies.slice(1)) assert.match(reply, /^-ERR /);
});

test('of a large value that is passed on in pieces the client sees that the end is missing', async () => {
  const client = await daemon.client('cut late');
  client.send(encodeCommand('GET', 'large'));
  const bytes = await client.readToEnd();
  assert.ok(bytes.length < `$${LARGE}\r\n`.length + LARGE + 2, `${bytes.length}`);
});

test('memcached: an error, and no shorter value', async () => {
  const client = await daemon.client('cut memcached');
  client.send('get k\r\n');
  assert.match(String(await client.readLine()), /^SERVER_ERROR /);
  client.destroy();
});

test('/readyz asks in TLS, and says of each server what is wrong', async () => {
  const report = async () => {
    const { body } = await daemon.page('/readyz');
    const { pools } = JSON.parse(body) as {
      pools: { name: string; ready: boolean; servers: { why: string | null }[] }[];
    };
    return new Map(pools.map(({ name, ready, servers: [server] }) => [name, { ready, why: server?.why ?? null }]));
  };
  const all = await waitFor(
    async () => {
      const now = await report();
      return [...now.values()].every(({ why }) => why !== 'no answer yet') && now;
    },
    { what: 'all servers to be asked' },
  );
  assert.deepEqual(all.get('fine'), { ready: true, why: null });
  for (const name of ['another name', 'expired', 'not yet valid', 'another authority', 'garbage']) {
    assert.equal(all.get(name)?.ready, false, name);
  }
  assert.match(String(all.get('expired')?.why), /expired/);
  assert.match(String(all.get(SILENT)?.why), /no answer to the handshake: it may not speak TLS at this address$/);
  assert.match(String(all.get('another authority')?.why), /TLS: (?:(?!Node|--use).)*$/);
});

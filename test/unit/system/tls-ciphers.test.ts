import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect as connectPlain, createServer } from 'node:net';
import { before, type TestContext, test } from 'node:test';
import { connect, createServer as createPeer, type TLSSocket } from 'node:tls';
import { createTlsServer, type ListenTls } from '../../../src/system/listen-tls.ts';
import { startServerTls } from '../../../src/system/server-tls.ts';
import { DEFAULT_CIPHERS } from '../../../src/system/tls-ciphers.ts';
import { Authority } from '../../support/certificates.ts';

let pem: { readonly ca: string; readonly cert: string; readonly key: string };

before(async () => {
  const authority = await Authority.create();
  const files = await authority.sign('localhost');
  pem = { ca: authority.pem(), cert: readFileSync(files.cert, 'utf8'), key: readFileSync(files.key, 'utf8') };
});

/** What a client that knows only these ciphers agrees on with us; the error's code where that is nothing. */
async function shown(t: TestContext, ciphers: string | null, client: string, version: 'TLSv1.2' | 'TLSv1.3') {
  const { cert, key } = pem;
  const tls: ListenTls = {
    certificates: [{ cert, key, file: '' }],
    ...{ ca: null, crl: null, clientCert: 'none', minVersion: '1.2', ciphers, handshakeTimeoutMs: 5000 },
    ticketKeys: Buffer.alloc(48).toString('base64'),
  };
  const secure = createTlsServer(tls).on('tlsClientError', () => {});
  const server = createServer(socket => secure.emit('connection', socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const options = { ciphers: client, minVersion: version, maxVersion: version, rejectUnauthorized: false };
  return outcome(t, connect({ port, host: '127.0.0.1', ...options }));
}

/** The same, of us and a server that knows only these. */
async function agreed(t: TestContext, ciphers: string | null, server: string) {
  const peer = createPeer({ ...pem, ciphers: server, maxVersion: 'TLSv1.2' }, () => {}).listen(0, '127.0.0.1');
  peer.on('tlsClientError', () => {});
  await once(peer, 'listening');
  t.after(() => peer.close());
  const { port } = peer.address() as AddressInfo;
  const plain = connectPlain(port, '127.0.0.1').on('error', () => {});
  const tls = { ca: pem.ca, cert: null, key: null, serverName: 'localhost', ciphers, verify: true };
  return outcome(t, startServerTls(plain, { host: '127.0.0.1', port }, tls));
}

async function outcome(t: TestContext, socket: TLSSocket): Promise<string> {
  t.after(() => socket.destroy());
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.once('secureConnect', () => resolve(socket.getCipher().name));
  socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(String(code)));
  return promise;
}

const REFUSED =
  /^ERR_SSL_(SSL\/TLS_ALERT_HANDSHAKE_FAILURE|SSLV3_ALERT_HANDSHAKE_FAILURE|TLSV1_ALERT_\w+)$|^ECONNRESET$/;

test('clients: of TLS 1.2 only ECDHE with AEAD, unless the file says otherwise', async t => {
  for (const cipher of [
    'ECDHE-ECDSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-SHA384',
    'AES128-GCM-SHA256',
    'DHE-RSA-AES128-GCM-SHA256',
  ]) {
    assert.match(await shown(t, null, cipher, 'TLSv1.2'), REFUSED, cipher);
  }
  const good = ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305'];
  for (const cipher of good) assert.equal(await shown(t, null, cipher, 'TLSv1.2'), cipher);
  assert.equal(await shown(t, 'ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES128-SHA', 'TLSv1.2'), 'ECDHE-ECDSA-AES128-SHA');
});

test('clients: TLS 1.3, which a list without a name of it leaves as it is', async t => {
  const names = DEFAULT_CIPHERS.split(':').filter(name => name.startsWith('TLS_'));
  for (const cipher of names) assert.equal(await shown(t, null, cipher, 'TLSv1.3'), cipher);
  assert.equal(await shown(t, 'ECDHE+AESGCM', DEFAULT_CIPHERS, 'TLSv1.3'), names[0]);
  assert.equal(await shown(t, `${names[2]}:ECDHE+AESGCM`, DEFAULT_CIPHERS, 'TLSv1.3'), names[2]);
});

test('servers: the same', async t => {
  assert.match(await agreed(t, null, 'ECDHE-ECDSA-AES128-SHA'), REFUSED);
  assert.equal(await agreed(t, null, 'ECDHE-ECDSA-AES128-GCM-SHA256'), 'ECDHE-ECDSA-AES128-GCM-SHA256');
  assert.equal(await agreed(t, 'ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES128-SHA'), 'ECDHE-ECDSA-AES128-SHA');
});

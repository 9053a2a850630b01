// node bench/micro/handshake-turns.ts [SECONDS [AT_ONCE]]
// How long a turn of the event loop is, in CPU time, while full TLS handshakes come in groups: so long do plain clients of the same
// worker wait for a turn. CPU time, because it tells the same on a busy machine. The clients are a process of their own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { connect } from 'node:tls';
import { NetSocket } from '../../src/socket/net-socket.ts';
import { TlsIntake } from '../../src/socket/tls-intake.ts';
import type { Log } from '../../src/system/log.ts';
import { Authority } from '../../test/support/certificates.ts';

const isClients = process.argv[2] === 'clients';
const [first = 10, atOnce = 50] = process.argv.slice(isClients ? 3 : 2).map(Number);
const seconds = first;
const LONG_MS = 3;

function clients(port: number): void {
  const open = () => {
    let left = atOnce;
    const ended = () => {
      if (--left === 0) setTimeout(open, 20);
    };
    for (let i = 0; i < atOnce; i++) {
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
      socket
        .on('error', () => {})
        .once('secureConnect', () => socket.end())
        .once('close', ended);
    }
  };
  open();
}

async function main(): Promise<void> {
  const files = await (await Authority.create()).sign('storm');
  const certificate = { cert: readFileSync(files.cert, 'utf8'), key: readFileSync(files.key, 'utf8'), file: '' };
  const nothing = () => {};
  const log: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
  let handshakes = 0;
  const intake = new TlsIntake(
    {
      certificates: [certificate],
      ...{ ca: null, crl: null, clientCert: 'none', minVersion: '1.2', ciphers: null, handshakeTimeoutMs: 60_000 },
      ticketKeys: Buffer.alloc(48).toString('base64'),
    },
    { log, poolName: 'storm' },
    socket => {
      handshakes++;
      socket.destroy();
    },
  );
  const server = createServer({ allowHalfOpen: true }, socket => intake.enter(new NetSocket(socket), () => {})).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const child = spawn(process.execPath, [import.meta.filename, 'clients', String(port), String(atOnce)], {
    stdio: 'inherit',
  });

  const turns: number[] = [];
  const cpuMs = () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  // Code that has become hot is compiled by then.
  const fromMs = performance.now() + 2000;
  const untilMs = fromMs + seconds * 1000;
  let lastMs = cpuMs();
  await new Promise<void>(resolve => {
    const turn = () => {
      const nowMs = cpuMs();
      if (performance.now() > fromMs) turns.push(nowMs - lastMs);
      else handshakes = 0;
      lastMs = nowMs;
      if (performance.now() < untilMs) setImmediate(turn);
      else resolve();
    };
    turn();
  });
  child.kill('SIGKILL');
  turns.sort((a, b) => a - b);
  const sum = turns.reduce((all, each) => all + each, 0);
  // A client comes at any time: rather in a long turn than in a short one.
  let before = 0;
  const p99 = turns.find(each => {
    before += each;
    return before >= sum * 0.99;
  }) as number;
  const long = turns.filter(each => each > LONG_MS).length;
  process.stdout.write(
    `${atOnce} at once: ${Math.round(handshakes / seconds)} handshakes/s; a client comes into a turn of ${p99.toFixed(1)} ms (p99), ` +
      `${(turns.at(-1) as number).toFixed(1)} ms (max); ${long} turns of ${turns.length} are longer than ${LONG_MS} ms\n`,
  );
  process.exit();
}

if (isClients) clients(first);
else await main();

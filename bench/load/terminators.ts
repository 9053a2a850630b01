import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { connect } from 'node:tls';
import { Authority, type CertificateFiles } from '../../test/support/certificates.ts';
import { Child, temporaryDirectory } from '../../test/support/child.ts';
import { freePorts } from '../../test/support/free-port.ts';

/** What can speak TLS in front of a proxy that does not. */
export type Terminator = 'haproxy' | 'stunnel';

/** Files that all who speak TLS on a stage have. */
export interface StageCertificates {
  readonly ca: string;
  readonly server: CertificateFiles;
}

/** A running one. */
export interface RunningTerminator {
  readonly pid: number;
  /** Its port for each that was asked for, in the same order. */
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

/** A certificate on P-256, as all have it. */
export async function makeCertificates(): Promise<StageCertificates> {
  const authority = await Authority.create();
  return { ca: authority.cert, server: await authority.sign('proxy') };
}

/** Starts one, with one thread where it can be told, in front of these ports of 127.0.0.1. */
export async function startTerminator(
  kind: Terminator,
  behind: readonly number[],
  { ca, server }: StageCertificates,
): Promise<RunningTerminator> {
  const dir = temporaryDirectory(kind);
  const pair = path.join(dir, 'pair.pem');
  writeFileSync(pair, readFileSync(server.cert, 'latin1') + readFileSync(server.key, 'latin1'));
  const ports = await freePorts(behind.length);
  const file = path.join(dir, `${kind}.conf`);
  const write = kind === 'haproxy' ? haproxyConfig : stunnelConfig;
  writeFileSync(file, write(ports, behind, pair));
  const child = kind === 'haproxy' ? new Child('haproxy', ['-f', file, '-db']) : new Child('stunnel4', [file]);
  await child.until(async () => (await Promise.all(ports.map(port => answers(port, ca)))).every(Boolean), 'TLS');
  return {
    pid: child.pid,
    ports,
    async stop() {
      await child.kill();
    },
  };
}

function haproxyConfig(ports: readonly number[], behind: readonly number[], pair: string): string {
  const sections = ports.map(
    (port, i) => `listen p${i}
  bind 127.0.0.1:${port} ssl crt ${pair}
  server s 127.0.0.1:${behind[i]}
`,
  );
  return `global
  nbthread 1
  maxconn 4000
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${sections.join('')}`;
}

/** It has a thread for each connection. */
function stunnelConfig(ports: readonly number[], behind: readonly number[], pair: string): string {
  const sections = ports.map(
    (port, i) => `[p${i}]
accept = 127.0.0.1:${port}
connect = 127.0.0.1:${behind[i]}
cert = ${pair}
TIMEOUTclose = 0
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
`,
  );
  return `foreground = yes
pid =
debug = 3
sslVersionMin = TLSv1.2
${sections.join('')}`;
}

function answers(port: number, ca: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1', ca: readFileSync(ca) });
    const done = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.on('secureConnect', () => done(true));
    socket.on('error', () => done(false));
  });
}

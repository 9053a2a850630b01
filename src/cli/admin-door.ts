import { X509Certificate } from 'node:crypto';
import { accessSync, constants, readFileSync } from 'node:fs';
import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { request as requestTls } from 'node:https';
import { userInfo } from 'node:os';
import type { ConnectionOptions } from 'node:tls';
import { type Command, Option } from 'commander';
import { addressText, type FixedAddress } from '../config/address.ts';
import { parseServerAddress } from '../config/addresses.ts';
import { ConfigError } from '../config/errors.ts';
import { loadConfig } from '../config/load.ts';
import { type AdminSettings, adminOfBadFile } from './admin-of-bad-file.ts';
import { UsageError } from './usage-error.ts';

/** How a running daemon is asked. */
export interface AdminDoor {
  readonly address: FixedAddress;
  readonly token: string | null;
  /** What is believed there, and shown; null: it is asked without TLS. */
  readonly tls: ConnectionOptions | null;
}

/** What `addDoorOptions` adds. */
export interface DoorFlags {
  readonly admin?: string;
  readonly tokenFile?: string;
  readonly adminCa?: string;
  readonly adminCert?: string;
  readonly adminKey?: string;
}

const HTTPS = /^https:\/\//;

/** `admin`: what `--admin` is for. */
export function addDoorOptions(command: Command, admin = "its admin address (default: the file's)"): Command {
  return command
    .option('--admin <address>', `${admin}; https://HOST:PORT where it speaks TLS`)
    .option('--token-file <file>', 'a file with the admin token (default: admin_token of the configuration file)')
    .addOption(new Option('--admin-ca <file>', 'who signs its certificate (default: those that Node trusts)'))
    .addOption(new Option('--admin-cert <file>', 'a certificate to show it, in PEM'))
    .addOption(new Option('--admin-key <file>', 'the key of that certificate'));
}

/** As the command line says, or else the daemon's file. Throws a UsageError or ConfigError. */
export function doorOf(confFile: string, flags: DoorFlags): AdminDoor {
  const { admin, tokenFile } = flags;
  // With --admin, a file that can't be read, or has another daemon's token, must not be in the way.
  const config = admin === undefined ? adminSettings(confFile) : null;
  const address = config === null ? parseAdmin((admin as string).replace(HTTPS, '')) : adminOf(config, confFile);
  const isTls = config === null ? HTTPS.test(admin as string) : config.adminTls !== null && !('path' in address);
  return {
    address,
    token: tokenFile === undefined ? (config?.adminToken ?? null) : readToken(tokenFile),
    tls: isTls ? trustOf(flags, config?.adminTls?.cert?.[0] ?? null) : null,
  };
}

/** `own`: the certificate of a daemon on this machine, which is then the only one that is believed. */
function trustOf({ adminCa, adminCert, adminKey }: DoorFlags, own: string | null): ConnectionOptions {
  const shown = {
    ...(adminCert !== undefined && { cert: readTextFile(adminCert) }),
    ...(adminKey !== undefined && { key: readTextFile(adminKey) }),
  };
  if (adminCa !== undefined) return { ...shown, ca: readTextFile(adminCa) };
  if (own === null) return shown;
  const pem = readTextFile(own);
  const { fingerprint256 } = new X509Certificate(pem);
  return {
    ...shown,
    ca: pem,
    // It need not be signed by itself, nor made out to where we find it: it is the one in the file.
    allowPartialTrustChain: true,
    checkServerIdentity: (_, { fingerprint256: said }) =>
      said === fingerprint256 ? undefined : new Error('its certificate is not the one of the configuration file'),
  };
}

/**
 * Where the daemon of a configuration file is asked. A file that can't be used may still say so: then the daemon
 * refuses it, and its log has it too.
 */
function adminSettings(file: string): AdminSettings {
  try {
    return loadConfig(file);
  } catch (error) {
    const settings = error instanceof ConfigError ? adminOfBadFile(file) : null;
    if (settings === null) throw error;
    return settings;
  }
}

/** The socket where there is one that lets us in, else the port. */
function adminOf({ admin, adminSocket }: AdminSettings, file: string): FixedAddress {
  if (adminSocket !== null && (admin === null || mayWrite(adminSocket.path))) return { path: adminSocket.path };
  if (admin === null) {
    throw new UsageError(
      `${file} has no admin address; give -p PIDFILE to send a signal instead, or --admin HOST:PORT`,
    );
  }
  if (admin.port === 0) {
    throw new UsageError(`${file} lets the system choose the admin port; give --admin HOST:PORT, the log names it`);
  }
  return admin;
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function parseAdmin(text: string): FixedAddress {
  try {
    const path = text.startsWith('unix:') ? text.slice('unix:'.length) : text;
    return parseServerAddress(path).address;
  } catch (error) {
    throw new UsageError(`--admin ${text}: ${(error as Error).message}`);
  }
}

function readToken(file: string): string {
  const token = readTextFile(file).trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw new UsageError(`${file} does not hold a token`);
  return token;
}

export function readTextFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/** No time limit: a restart takes as long as the clients of the workers take. Rejects with a UsageError. */
export function askDaemon(
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  { address, token, tls }: AdminDoor,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly body: string }> {
  const headers = {
    ...(token !== null && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
    // For the log; whoever asks without us can leave it out, too.
    ...(method !== 'GET' && { 'x-ringmaster-by': userName() }),
  };
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const isNobody = error.code === 'ECONNREFUSED' || error.code === 'ENOENT';
      const why = isNobody ? 'nobody listens there' : error.message;
      reject(new UsageError(`no answer from ${addressText(address)}: ${why}; ${hintFor(error, tls !== null)}`));
    };
    const options = { ...target(address), path, method, headers, agent: false };
    const asked = tls === null ? request(options) : requestTls({ ...options, ...tls });
    asked.on('error', fail);
    asked.on('response', (response: IncomingMessage) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('error', fail);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.end(body && JSON.stringify(body));
  });
}

/** What may be the reason, and what helps. */
function hintFor({ code = '' }: NodeJS.ErrnoException, isTls: boolean): string {
  // Whoever speaks TLS closes a connection on which somebody does not, and the other way round.
  if (!isTls && code === 'ECONNRESET') return 'it may speak TLS: --admin https://HOST:PORT, or admin_tls in the file';
  if (isTls && /^ERR_SSL_(WRONG_VERSION|PACKET_LENGTH|RECORD)/.test(code)) return 'it does not seem to speak TLS';
  if (isTls && /CERT|SIGNATURE|ALTNAME|CHAIN/.test(code)) {
    return 'is its certificate another than that of the configuration file? Then signal it (reload -p PIDFILE), or --admin https://HOST:PORT --admin-ca FILE';
  }
  return 'is the daemon running, and is this its admin address?';
}

function target(address: FixedAddress): RequestOptions {
  if ('path' in address) return { socketPath: address.path };
  const { host, port } = address;
  return { host: ['0.0.0.0', '::'].includes(host) ? 'localhost' : host, port };
}

function userName(): string {
  try {
    return encodeURIComponent(userInfo().username).slice(0, 64) || 'nobody';
  } catch {
    // A process may run as a user that the system has no name for.
    return `uid-${process.getuid?.() ?? 0}`;
  }
}

import { accessSync, constants, readFileSync } from 'node:fs';
import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { userInfo } from 'node:os';
import { isMap, parseDocument } from 'yaml';
import { addressText, type FixedAddress } from '../config/address.ts';
import { parseServerAddress } from '../config/addresses.ts';
import type { Config } from '../config/config.ts';
import { DAEMON_SETTINGS } from '../config/daemon-settings.ts';
import { ConfigError } from '../config/errors.ts';
import { loadConfig } from '../config/load.ts';
import type { Kind } from '../settings/kinds.ts';
import { defaultOf, type Setting } from '../settings/setting.ts';
import { type Answer, reloadText, restartText } from './control-text.ts';
import { UsageError } from './usage-error.ts';

export interface ControlOptions {
  readonly confFile: string;
  /** `host:port`, wins over the file's; null: the file's. */
  readonly admin: string | null;
  /** null: the token is the file's, if any. */
  readonly tokenFile: string | null;
  /** Send a signal to the process named there, instead of a request. */
  readonly pidFile: string | null;
  readonly asJson: boolean;
}

/** What to print, and the exit code: 0 done, 1 not. */
export interface ControlOutcome {
  readonly text: string;
  readonly exitCode: 0 | 1;
}

interface Action {
  readonly path: string;
  readonly signal: NodeJS.Signals;
  readonly signalText: string;
  /** The answer of the daemon for people. */
  text(answer: Answer): string;
}

const RELOAD: Action = {
  path: '/-/reload',
  signal: 'SIGHUP',
  signalText: 'told to reload; whether it did stands in its log',
  text: reloadText,
};
const RESTART: Action = {
  path: '/-/restart-workers',
  signal: 'SIGUSR2',
  signalText: 'told to replace its workers; how that goes stands in its log',
  text: restartText,
};

/** `ringmaster reload`. Throws a UsageError or ConfigError when it can't even ask. */
export function askReload(options: ControlOptions): Promise<ControlOutcome> {
  return ask(RELOAD, options);
}

/** `ringmaster restart-workers`. Throws a UsageError or ConfigError when it can't even ask. */
export function askRestart(options: ControlOptions): Promise<ControlOutcome> {
  return ask(RESTART, options);
}

async function ask(action: Action, options: ControlOptions): Promise<ControlOutcome> {
  if (options.pidFile !== null) return signal(action, options.pidFile, options.asJson);
  const { address, token } = daemonOf(options.confFile, options.admin, options.tokenFile);
  const { status, body } = await askDaemon('POST', address, action.path, token);
  const answer = parseAnswer(body, address);
  const exitCode = status === 200 ? 0 : 1;
  return { text: options.asJson ? body : action.text(answer), exitCode };
}

/**
 * Where a daemon is asked, and its token, if there is one: as the command line says, or else its file. Throws a UsageError or
 * ConfigError.
 */
export function daemonOf(
  confFile: string,
  admin: string | null,
  tokenFile: string | null,
): { readonly address: FixedAddress; readonly token: string | null } {
  // With --admin, a file that can't be read, or has another daemon's token, must not be in the way.
  const config = admin === null ? adminSettings(confFile) : null;
  return {
    address: config === null ? parseAdmin(admin as string) : adminOf(config, confFile),
    token: tokenFile === null ? (config?.adminToken ?? null) : readToken(tokenFile),
  };
}

function signal({ signal: name, signalText }: Action, pidFile: string, asJson: boolean): ControlOutcome {
  const pid = readPid(pidFile);
  try {
    process.kill(pid, name);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'there is no such process' : 'not permitted';
    throw new UsageError(`cannot signal process ${pid} of ${pidFile}: ${why}`);
  }
  const text = asJson ? JSON.stringify({ result: 'signalled', pid, signal: name }) : `process ${pid} is ${signalText}`;
  return { text: `${text}\n`, exitCode: 0 };
}

function readPid(pidFile: string): number {
  const text = readFile(pidFile).trim();
  const pid = /^[0-9]{1,10}$/.test(text) ? Number(text) : 0;
  if (pid < 2) throw new UsageError(`${pidFile} does not hold the number of a process`);
  return pid;
}

type AdminSettings = Pick<Config, 'admin' | 'adminSocket' | 'adminToken'>;

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

function adminOfBadFile(file: string): AdminSettings | null {
  try {
    const document = parseDocument(readFileSync(file, 'utf8'), { schema: 'failsafe', uniqueKeys: false });
    if (!isMap(document.contents) || !document.has('pools')) return null;
    const given = <T>(setting: { readonly key: string; readonly kind: Kind<T> }): T => {
      const text = document.get(setting.key);
      return text === undefined ? (defaultOf(setting as Setting, 'native') as T) : setting.kind.read(text as string);
    };
    const { admin, adminSocket, adminToken } = DAEMON_SETTINGS;
    return {
      admin: given(admin),
      adminSocket: given<AdminSettings['adminSocket']>(adminSocket),
      adminToken: given<string | null>(adminToken),
    };
  } catch {
    return null;
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
  const token = readFile(file).trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw new UsageError(`${file} does not hold a token`);
  return token;
}

function readFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/** No time limit: a restart takes as long as the clients of the workers take. Rejects with a UsageError. */
export function askDaemon(
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  address: FixedAddress,
  path: string,
  token: string | null,
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
      const hint = 'is the daemon running, and is this its admin address?';
      reject(new UsageError(`no answer from ${addressText(address)}: ${why}; ${hint}`));
    };
    const asked = request({ ...target(address), path, method, headers, agent: false });
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

function parseAnswer(body: string, address: FixedAddress): Answer {
  try {
    const answer = JSON.parse(body);
    if (typeof answer.result === 'string') return answer;
  } catch {
    // Not JSON: not ours.
  }
  throw new UsageError(`${addressText(address)} is not the admin address of a Ringmaster that knows this command`);
}

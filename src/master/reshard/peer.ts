import { type IncomingMessage, request } from 'node:http';
import { request as requestTls } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { parseHostPort } from '../../config/addresses.ts';
import { readAdminTls } from '../../config/certificates.ts';
import type { Config } from '../../config/config.ts';
import type { Decision } from './decision.ts';
import type { Acknowledgement } from './participant.ts';
import type { NewFile } from './reshard-record.ts';

/** `unreachable`: nobody knows whether it has done what it was asked. */
export type PeerAnswer = Acknowledgement | { readonly result: 'unreachable'; readonly error: string };

export type AdminSecrets = Pick<Config, 'adminToken' | 'adminTls'>;

/** What a proxy is asked to do, as JSON. */
export interface PartRequest {
  readonly decision: Decision;
  readonly file: NewFile | null;
  readonly coordinator: string;
}

/** What proxies tell each other of themselves. */
export interface PeerState {
  /** Of this process: by it a proxy knows itself. */
  readonly instance: string;
  readonly isActive: boolean;
  /** By pool: see `ringDigest`. */
  readonly rings: Readonly<Record<string, string>>;
}

export const STATE_PATH = '/api/v1/reshard';
export const PART_PATH = '/api/v1/reshard/part';
const NOT_OURS = 'it is not the admin address of a Ringmaster that knows reshard';
/** More than a participant takes to hear of its workers. */
const ANSWER_WITHIN_MS = 6000;
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Another proxy, by its admin address. */
export class Peer {
  readonly address: string;
  private readonly admin: () => AdminSecrets;

  /** `admin`: the own settings, which the other has too. Throws a SettingError for what is no address. */
  constructor(address: string, admin: () => AdminSecrets) {
    parseHostPort(address, 1, 'bracketed-ipv6');
    this.address = address;
    this.admin = admin;
  }

  get host(): string {
    return parseHostPort(this.address, 1, 'bracketed-ipv6').address.host;
  }

  /** Never rejects. */
  async take(part: PartRequest): Promise<PeerAnswer> {
    const { status, body } = await this.ask('POST', PART_PATH, part);
    if (status === 0) return { result: 'unreachable', error: body };
    try {
      const answer = JSON.parse(body) as { readonly result?: unknown; readonly error?: unknown };
      const { result, error } = answer;
      if (result === 'in') return { result };
      if (result === 'refused' || result === 'waiting') return { result, error: String(error) };
    } catch {
      // Not JSON: not ours.
    }
    return { result: 'refused', error: `${NOT_OURS} (${status})` };
  }

  /** How it stands there; or why nobody says. */
  async state(): Promise<PeerState | string> {
    const { status, body } = await this.ask('GET', STATE_PATH, null);
    if (status === 0) return `unreachable (${body})`;
    try {
      const state = JSON.parse(body) as Partial<PeerState & { readonly error: string }>;
      if (typeof state.instance === 'string' && typeof state.rings === 'object') return state as PeerState;
      if (typeof state.error === 'string') return state.error;
    } catch {
      // Not JSON: not ours.
    }
    return NOT_OURS;
  }

  private ask(method: 'GET' | 'POST', path: string, body: object | null): Promise<{ status: number; body: string }> {
    const { host, port } = parseHostPort(this.address, 1, 'bracketed-ipv6').address;
    const { adminToken: token, adminTls } = this.admin();
    const target = { host, port, path, method, agent: false };
    let trust: ConnectionOptions = {};
    try {
      trust = adminTls === null ? {} : trustOf(adminTls);
    } catch (error) {
      return Promise.resolve({ status: 0, body: (error as Error).message });
    }
    const headers = {
      'x-ringmaster-by': 'reshard',
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== null && { 'content-type': 'application/json' }),
    };
    return new Promise(resolve => {
      const fail = (why: string) => {
        clearTimeout(timer);
        asked.destroy();
        resolve({ status: 0, body: why });
      };
      const asked = adminTls === null ? request({ ...target, headers }) : requestTls({ ...target, headers, ...trust });
      const timer = setTimeout(
        () => setImmediate(() => fail(`no answer within ${ANSWER_WITHIN_MS} ms`)),
        ANSWER_WITHIN_MS,
      );
      asked.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
      asked.on('response', (response: IncomingMessage) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          text += piece;
          if (text.length > MAX_ANSWER_BYTES) fail('its answer has no end');
        });
        response.on('error', error => fail(error.message));
        response.on('end', () => {
          clearTimeout(timer);
          resolve({ status: response.statusCode ?? 0, body: text });
        });
      });
      asked.end(body === null ? undefined : JSON.stringify(body));
    });
  }
}

/** Proxies that speak TLS with each other show what they show to everybody, and believe whom `ca` has signed. */
function trustOf(adminTls: Config['adminTls']): ConnectionOptions {
  const { certificates = [], ca = null } = readAdminTls(adminTls) ?? {};
  const [shown] = certificates;
  return { ...(ca !== null && { ca }), ...(shown !== undefined && { cert: shown.cert, key: shown.key }) };
}

/** An answer that comes later than `ms` is none. */
export async function withLimit(answer: Promise<PeerAnswer>, ms: number): Promise<PeerAnswer> {
  if (!Number.isFinite(ms)) return answer;
  const late = Promise.withResolvers<PeerAnswer>();
  const timer = setTimeout(
    () => setImmediate(() => late.resolve({ result: 'waiting', error: 'it has not answered in time' })),
    Math.max(0, ms),
  );
  const first = await Promise.race([answer, late.promise]);
  clearTimeout(timer);
  return first;
}

import { performance } from 'node:perf_hooks';
import type { ToMaster } from '../../ipc/messages.ts';
import type { Log } from '../../system/log.ts';

export type WrongPasswordsMessage = Extract<ToMaster, { readonly type: 'wrongPasswords' }>;

/** An address that gave wrong passwords lately. */
export interface PasswordGuesser {
  readonly pool: string;
  /** As `limits` has it: of IPv6 a network; empty: by a unix socket. */
  readonly address: string;
  /** Since `since`. */
  readonly wrongPasswords: number;
  /** ISO 8601. */
  readonly since: string;
  readonly last: string;
}

interface Entry {
  readonly pool: string;
  readonly address: string;
  readonly since: string;
  wrongPasswords: number;
  last: string;
  lastMs: number;
  isTold: boolean;
}

/** Addresses known at once, the last heard of; the one that was heard of longest ago makes room. */
const KNOWN_MAX = 1000;
/** After so long without one more an address begins anew. */
const FORGOTTEN_MS = 600_000;
/** So many of one address are told, once until it is forgotten. */
const TOLD_FROM = 5;

/** Which addresses give wrong passwords, by what the workers say. */
export class WrongPasswords {
  /** The one heard of last is last. */
  private readonly entries = new Map<string, Entry>();
  private readonly log: Log;
  private readonly clock: () => number;

  constructor(log: Log, clock = () => performance.now()) {
    this.log = log;
    this.clock = clock;
  }

  receive({ pool, addresses }: Pick<WrongPasswordsMessage, 'pool' | 'addresses'>): void {
    this.forget();
    for (const [address, count] of addresses) this.add(pool, address, count);
  }

  /** Those heard of last first. */
  list(): readonly PasswordGuesser[] {
    this.forget();
    const rows = [...this.entries.values()].map(({ lastMs: _, isTold: __, ...row }) => row);
    return rows.reverse();
  }

  private add(pool: string, address: string, count: number): void {
    const key = JSON.stringify([pool, address]);
    const last = new Date().toISOString();
    const entry = this.entries.get(key) ?? {
      pool,
      address,
      since: last,
      wrongPasswords: 0,
      last,
      lastMs: 0,
      isTold: false,
    };
    this.entries.delete(key);
    if (this.entries.size >= KNOWN_MAX) this.entries.delete(this.entries.keys().next().value as string);
    this.entries.set(key, entry);
    entry.wrongPasswords += count;
    entry.last = last;
    entry.lastMs = this.clock();
    const { wrongPasswords } = entry;
    if (entry.isTold || wrongPasswords < TOLD_FROM) return;
    entry.isTold = true;
    this.log.warn({ pool, address, wrongPasswords }, 'wrong passwords of one address');
  }

  private forget(): void {
    const nowMs = this.clock();
    for (const [key, { lastMs }] of this.entries) {
      if (nowMs - lastMs < FORGOTTEN_MS) return;
      this.entries.delete(key);
    }
  }
}

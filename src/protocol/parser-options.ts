// What a parser is told of its pool.

import type { Accounts } from '../accounts/accounts.ts';
import type { SignInOutcome } from '../accounts/sign-in-places.ts';
import type { DeclaredCommand } from './declared-traits.ts';

export interface ParserOptions {
  readonly poolName: string;
  readonly version: string;
  /** Longest request accepted, in bytes. */
  readonly maxRequestBytes: number;
  /** What clients must AUTH with; null: none. */
  readonly password: string | null;
  /** Who may use the pool, in place of the password; null: it has no users. Left out: likewise. */
  readonly accounts?: Accounts | null;
  /** What the names of all its clients' keys begin with on the servers, and only there; null: nothing. Left out: nothing. */
  readonly keyPrefix?: string | null;
  /** What of the protocol's commands a pool allows and knows; a protocol takes what concerns it. Left out: the defaults. */
  readonly rules?: Partial<CommandRules>;
  /** Hears of everybody who signs in, or tries, while that request is read. Left out: nobody wants to know. */
  readonly onSignIn?: SignInWitness;
  /** The pool's slow requests. Left out: it never has any. */
  readonly slowLog?: SlowLogSource;
}

export type SignInWitness = (user: string, outcome: SignInOutcome) => void;

/** The slow requests of a pool, over all workers. */
export interface SlowLogSource {
  readonly length: number;
  /** The newest `count`, the newest first. */
  newest(count: number): readonly SlowLogLine[];
  /** Empties it, in all workers. */
  reset(): void;
}

export interface SlowLogLine {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly totalUs: number;
  readonly command: string;
  /** Printable; null: none, or not to be told. */
  readonly key: string | null;
  readonly client: string;
  readonly clientName: string;
}

/** What a pool says of the protocol's commands. */
export interface CommandRules {
  /** It has one server: what would have to be asked of all can be asked of that one. Default: it has several. */
  readonly hasOneServer: boolean;
  /** Its servers keep their keys by slots, which move. Default: not. */
  readonly hasSlots: boolean;
  /** Of the pool, in its order. Default: none. */
  readonly serverNames: readonly string[];
  /** Those of them that keys move to just now, from the others and from each other. Default: none. */
  readonly serversMovedTo: readonly string[];
  /** What the replies of several servers to a request for all keys may have together, in bytes. Default: no limit. */
  readonly keysLimitBytes: number;
  /** The database that the pool is; other than 0, no command may reach into another. Default: 0. */
  readonly db: number;
  /** How many databases clients may choose from. Default: 1, without a choice. */
  readonly databases: number;
  /** Clients may change to RESP3. Default: yes. */
  readonly hasResp3: boolean;
  /** Texts of scripts that are kept for servers that lose them, in bytes. Default: none. */
  readonly scriptMemoryBytes: number;
  /** Refused; `config|set` names a subcommand. Default: none. */
  readonly deniedCommands: readonly string[];
  /** Commands that the protocol's table does not know. Default: none. */
  readonly declaredCommands: readonly DeclaredCommand[];
  /** What the servers say of commands that nobody has told of is believed. Default: it is not asked. */
  readonly learnsCommands: boolean;
  /** Where a script without keys runs in a pool of several servers. Default: nowhere. */
  readonly keylessScripts: 'error' | 'any' | 'all';
  /** The pool says of itself that it is a cluster. Default: it is a single server to its clients. */
  readonly presentedCluster: PresentedClusterOptions | null;
  /** Clients whose keys have a prefix may run scripts, which can use other keys. Default: not. */
  readonly hasPrefixedScripts: boolean;
}

/** What a pool says of itself that clients are to take for a cluster. */
export interface PresentedClusterOptions {
  /** Where all clients reach it; null: each where it has connected. */
  readonly advertise: { readonly host: string; readonly port: number } | null;
  /** Clients are spoken to in TLS. */
  readonly isTls: boolean;
  /** The servers keep keys by slots, too. */
  readonly hasSlots: boolean;
}

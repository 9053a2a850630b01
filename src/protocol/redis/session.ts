import type { Account } from '../../accounts/account.ts';
import { DEFAULT_ACCOUNT } from '../../accounts/accounts.ts';
import type { SignInPlaces } from '../../accounts/sign-in-places.ts';
import type { ConnectionEnds } from '../connection-ends.ts';
import type { PortGuest } from '../port-guest.ts';
import type { Session } from '../protocol.ts';
import { NO_TOPICS, type TopicCounts } from '../topics.ts';
import type { ReplyShape } from './key-prefix/reply-shape.ts';
import type { RespVersion } from './resp.ts';
import type { QueuedAnswer } from './transactions/queued-answer.ts';

/** The lowest bit of a variant says which protocol, the others which database. */
export const RESP2_VARIANT = 0;
export const RESP3_VARIANT = 1;

export function isResp3(variant: number): boolean {
  return (variant & 1) === RESP3_VARIANT;
}

export function databaseOf(variant: number): number {
  return variant >> 1;
}

/** Of connections that are in no database in particular, by the version that a client of `variant` speaks: they open while a script runs. */
export function asideVariant(variant: number): number {
  return isResp3(variant) ? -1 : -2;
}

const NO_ENDS: ConnectionEnds = { peer: '', local: '', descriptor: -1 };

// What becomes of a client's replies.
export const REPLIES_ON = 0;
export const REPLIES_OFF = 1;
/** The next one is left out. */
export const REPLIES_SKIP = 2;

/** What `mark` remembers, of one session at a time. */
const marked = {
  variant: RESP2_VARIANT,
  isInTransaction: false,
  isWatching: false,
  hasQueuedWrite: false,
  databaseToBe: -1,
  replyMode: REPLIES_ON as number,
  queuedRequests: 0,
  queuedShapes: [] as ReplyShape[],
  shapes: 0,
  queuedAnswers: [] as QueuedAnswer[],
  answers: 0,
  queuedBytes: 0,
  versionToBe: null as RespVersion | null,
};

/** What Ringmaster remembers of one Redis client. */
export class RedisSession implements Session {
  readonly id: number;
  /**
   * HELLO's choice and SELECT's: replies can't be translated from one version of the protocol to the other, and a server
   * connection is in one database, so each has server connections of its own.
   */
  variant: number = RESP2_VARIANT;
  /** Has given the pool's password, or signed in. Means nothing in a pool that has neither password nor users. */
  isAuthenticated = false;
  /** CLIENT SETNAME; empty: none. */
  name = '';
  user = DEFAULT_ACCOUNT;
  account: Account | null = null;
  /** CLIENT SETINFO LIB-NAME and LIB-VER. */
  libName = '';
  libVersion = '';
  /** Between MULTI and what ends it. */
  isInTransaction = false;
  /** Since WATCH, and until something makes the server forget. */
  isWatching = false;
  /** Something that a pause of writes holds up is part of the transaction. */
  hasQueuedWrite = false;
  topics: TopicCounts = NO_TOPICS;
  port: PortGuest | null = null;
  places: SignInPlaces | null = null;
  /** What a transaction selects once it is run; -1: nothing. */
  databaseToBe = -1;
  /** What it makes the client speak; null: what it does. */
  versionToBe: RespVersion | null = null;
  /** Requests of the transaction. */
  queuedRequests = 0;
  /** Those of them that the server does not answer, or not alone, by their places; and what is kept of them. */
  queuedAnswers: QueuedAnswer[] = [];
  queuedBytes = 0;
  /** Requests of the transaction that is just run; below 0: none is. */
  runningRequests = -1;
  /** Where in the reply of each request of the transaction names stand, under a key prefix. */
  queuedShapes: ReplyShape[] = [];
  /** CLIENT NO-EVICT and NO-TOUCH, which do nothing but stand in CLIENT LIST. */
  isNoEvict = false;
  isNoTouch = false;
  /** CLIENT REPLY. */
  replyMode: number = REPLIES_ON;
  readonly connectedAtMs = Date.now();
  private readonly ends: ConnectionEnds;

  constructor(id: number, ends: ConnectionEnds = NO_ENDS) {
    this.id = id;
    this.ends = ends;
  }

  /** CLIENT LIST's `addr`, `laddr` and `fd`; both ends of a unix socket are its path, with port 0, as in Redis. */
  get addresses(): string {
    return `addr=${this.peerAddress} laddr=${this.localAddress} fd=${this.ends.descriptor}`;
  }

  get peerAddress(): string {
    return this.isTcp ? this.ends.peer : this.pathAddress;
  }

  get localAddress(): string {
    return this.isTcp ? this.ends.local : this.pathAddress;
  }

  get isOfUnixSocket(): boolean {
    return this.ends.local.startsWith('/');
  }

  private get isTcp(): boolean {
    const { peer } = this.ends;
    return !peer.startsWith('/') && /:\d+$/.test(peer);
  }

  private get pathAddress(): string {
    return `${this.ends.local === '' ? '?' : this.ends.local}:0`;
  }

  get keptBytes(): number {
    const { name, libName, libVersion, queuedShapes, queuedBytes } = this;
    return name.length + libName.length + libVersion.length + SHAPE_BYTES * queuedShapes.length + queuedBytes;
  }

  get respVersion(): RespVersion {
    return isResp3(this.variant) ? 3 : 2;
  }

  /** What SELECT chose. */
  get database(): number {
    return databaseOf(this.variant);
  }

  speak(version: RespVersion): void {
    this.variant = (this.variant & ~1) | (version === 3 ? RESP3_VARIANT : RESP2_VARIANT);
  }

  select(database: number): void {
    this.variant = this.variantOf(database);
  }

  /** Of connections in this database. */
  variantOf(database: number): number {
    return (database << 1) | (this.variant & 1);
  }

  /** Where what it asks now is done, in a transaction when that is run. */
  get databaseNow(): number {
    return this.databaseToBe >= 0 ? this.databaseToBe : this.database;
  }

  signIn(account: Account): void {
    this.account = account;
    this.user = account.name;
    this.isAuthenticated = true;
  }

  signOut(): () => void {
    const { account, user, isAuthenticated } = this;
    this.account = null;
    this.user = DEFAULT_ACCOUNT;
    this.isAuthenticated = false;
    return () => Object.assign(this, { account, user, isAuthenticated });
  }

  /** RESET: as if the client had just connected. */
  reset(): void {
    this.variant = RESP2_VARIANT;
    this.signOut();
    this.name = '';
    this.topics = NO_TOPICS;
    this.replyMode = REPLIES_ON;
    this.isNoTouch = false;
    this.endTransaction();
  }

  /** It has subscribed, and reads nothing but messages and the replies to commands that say so: RESP2 can't tell them apart. */
  get isOnlyListening(): boolean {
    return this.topics !== NO_TOPICS && !isResp3(this.variant);
  }

  /** A request that changes other things is not held up. */
  mark(): void {
    marked.variant = this.variant;
    marked.isInTransaction = this.isInTransaction;
    marked.isWatching = this.isWatching;
    marked.hasQueuedWrite = this.hasQueuedWrite;
    marked.databaseToBe = this.databaseToBe;
    marked.replyMode = this.replyMode;
    marked.queuedShapes = this.queuedShapes;
    marked.shapes = this.queuedShapes.length;
    marked.queuedRequests = this.queuedRequests;
    marked.queuedAnswers = this.queuedAnswers;
    marked.answers = this.queuedAnswers.length;
    marked.queuedBytes = this.queuedBytes;
    marked.versionToBe = this.versionToBe;
  }

  rewind(): void {
    this.variant = marked.variant;
    this.isInTransaction = marked.isInTransaction;
    this.isWatching = marked.isWatching;
    this.hasQueuedWrite = marked.hasQueuedWrite;
    this.databaseToBe = marked.databaseToBe;
    this.replyMode = marked.replyMode;
    this.queuedShapes = marked.queuedShapes;
    this.queuedShapes.length = marked.shapes;
    this.queuedRequests = marked.queuedRequests;
    this.queuedAnswers = marked.queuedAnswers;
    this.queuedAnswers.length = marked.answers;
    this.queuedBytes = marked.queuedBytes;
    this.versionToBe = marked.versionToBe;
  }

  /** `bytes`: what is kept for it. */
  addQueued(bytes: number, answer: QueuedAnswer): void {
    this.queuedAnswers.push(answer);
    this.queuedBytes += bytes;
  }

  beginTransaction(): void {
    this.forgetQueued();
    this.isInTransaction = true;
  }

  endTransaction(): void {
    this.isInTransaction = false;
    this.isWatching = false;
    this.forgetQueued();
  }

  private forgetQueued(): void {
    this.hasQueuedWrite = false;
    this.databaseToBe = -1;
    this.versionToBe = null;
    this.queuedRequests = 0;
    this.queuedShapes = [];
    this.queuedAnswers = [];
    this.queuedBytes = 0;
  }
}

const SHAPE_BYTES = 8;

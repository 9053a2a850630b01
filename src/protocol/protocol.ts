import type { Account } from '../accounts/account.ts';
import type { Accounts } from '../accounts/accounts.ts';
import type { SignInPlaces } from '../accounts/sign-in-places.ts';
import type { Block } from '../memory/block.ts';
import type { FailureReason } from '../request/failure.ts';
import type { ReplyOut } from '../request/request.ts';
import type { WholeParts } from '../request/whole-parts.ts';
import type { AwaitedRun } from './awaited-run.ts';
import type { BringWords } from './bringing.ts';
import type { ClientInquiry, ClientQuestion } from './client-inquiry.ts';
import type { ConnectionEnds } from './connection-ends.ts';
import type { ControlRequest, HandshakeOptions } from './control-request.ts';
import type { KeptMemory } from './kept-memory.ts';
import type { KeySweep } from './key-sweep.ts';
import type { Lesson } from './lesson.ts';
import type { ParserOptions } from './parser-options.ts';
import type { PortGuest } from './port-guest.ts';
import type { ProtocolName } from './protocol-traits.ts';
import type { Remedy } from './remedy.ts';
import type { ReplyTransform } from './reply-transform.ts';
import type { Hold, Route } from './routes.ts';
import type { SubscriptionWords } from './subscription-words.ts';
import type { TopicCounts, TopicKind, TopicScope } from './topics.ts';
import type { TransactionWords } from './transaction-words.ts';

/**
 * The one interface the proxy knows of a protocol. A protocol brings a parser with a command table, a framer for
 * requests that arrive in pieces, a scanner that finds the end of a reply, and the words for errors.
 *
 *   client bytes → RequestParser.parse → route, keys → router → backend → ReplyScanner.scan → client
 */
export interface Protocol {
  readonly name: ProtocolName;
  /**
   * One per pool and worker, shared by its clients: what it keeps from one `parse` to the next concerns all of them. `before`
   * is that of the same pool by other options, whose place it takes.
   */
  createParser(options: ParserOptions, before?: RequestParser): RequestParser;
  /** One per client: what the protocol remembers of it (authenticated, its name, …). */
  createSession(id: number, ends?: ConnectionEnds): Session;
  /** One per client, made when its first request in pieces arrives. `session` is that client's, if limits depend on it. */
  createFramer(options: ParserOptions, session?: Session): Framer;
  /** One per backend connection. */
  createReplyScanner(): ReplyScanner;
  /** What a client reads when its request failed. The same bytes each time. */
  failureReply(reason: FailureReason): Buffer;
  /** The keys of a command that cannot be split are on different servers. */
  readonly crossServerReply: Buffer;
  /** What nodes of a cluster say to each other's clients; null: servers of this protocol form none. */
  readonly cluster: ClusterWords | null;
  /** The request grew over `maxRequestBytes`; the connection closes after it. */
  readonly tooLargeReply: Buffer;
  /** The pool has as many clients as it may; the connection closes after it. */
  readonly tooManyClientsReply: Buffer;
  /** How many kinds of server connections most clients need; see `Session.variant`. There may be more, with higher numbers. */
  readonly variants: number;
  /** Replies of a higher kind are asked for only on connections whose handshake has found out whether the server can give them. */
  readonly plainReplyKind: number;
  /** Requests the proxy sends when a server connection opens, one after the other. */
  handshake(options: HandshakeOptions): readonly ControlRequest[];
  /** A request that a healthy server answers. */
  readonly probe: ControlRequest;
  /** For requests of ROUTE_PRIVATE; null: there are none. */
  readonly transactions: TransactionWords | null;
  /** For requests of HOLD_BLOCK; null: there are none. */
  readonly waits: WaitWords | null;
  /** For requests of ROUTE_SUBSCRIPTION; null: there are none. */
  readonly subscriptions: SubscriptionWords | null;
  /**
   * The commands, as `RequestReading.command` has them, that `@category` or the name of a command stands for; a command that has
   * subcommands stands for these, too. None: nobody knows it.
   */
  commandsOf(word: string): readonly string[];
  /** How keys move from server to server; null: they can't. */
  readonly bringing: BringWords | null;
  /** For requests of ROUTE_CLIENTS; null: there are none. */
  readonly clients: ClientWords | null;
}

/** What the proxy knows of a client beside its session. */
export interface ClientState {
  readonly idleMs: number;
  /** Waits at a server. */
  readonly isBlocked: boolean;
  /** The last that it asked for; empty: nothing yet. */
  readonly command: string;
  readonly unsentBytes: number;
  readonly memoryBytes: number;
}

/** How a protocol speaks of clients. */
export interface ClientWords {
  /** Whether the question is about this client. */
  covers(question: ClientQuestion, session: Session): boolean;
  /** Its line in a list. */
  line(session: Session, state: ClientState): string;
}

/** How a server is told that a client waits no longer. */
export interface WaitWords {
  /** Asked on each private connection when it opens: `onNumber` hears by which number the server knows it. */
  identify(onNumber: (number: number) => void): ControlRequest;
  /** Has the server answer what the connection of that number waits for: as if the time had run out, or with an error. */
  unblock(number: number, isError: boolean): Buffer;
  /** The reply that begins at `buf[start]` is that error: nothing had come when the server was told. */
  isInterrupted(buf: Buffer, start: number, end: number): boolean;
  /** What the server answers to `unblock` says that the connection did wait. */
  isUnblocked(reply: Buffer): boolean;
  /** The request, an array, with so many milliseconds to wait, of which one at least is left. */
  waitingFor(request: Buffer, ms: number): Buffer;
}

/** A reply like any other. */
export const WORD_NONE = 0;
/** Another node has the slot. */
export const WORD_MOVED = 1;
/** Another node may have the key: it is to be told that it was asked for on purpose. */
export const WORD_ASK = 2;
/** The keys are on two nodes just now. */
export const WORD_TRY_AGAIN = 3;
/** The node, or the cluster, serves nobody for now. */
export const WORD_DOWN = 4;

/** What a node of a cluster answers in place of a reply. */
export interface NodeWord {
  readonly kind: 0 | 1 | 2 | 3 | 4;
  /** WORD_MOVED, WORD_ASK: of which slot it speaks, and where to go; empty host: that of who says it. */
  readonly slot: number;
  readonly host: string;
  readonly port: number;
}

export interface ClusterWords {
  /** A reply that begins with `byte` may be such a word. */
  mayBegin(byte: number): boolean;
  /** A longer reply is none. */
  readonly maxBytes: number;
  /** Reads the whole reply `buf[start, end)`. */
  read(buf: Buffer, start: number, end: number): NodeWord;
  /** Goes before a request that WORD_ASK has sent on; answered with a reply of its own. */
  readonly asking: Buffer;
  /** The keys of a command are in different slots. */
  readonly crossSlotReply: Buffer;
  /** Nobody has the slot. */
  readonly noOwnerReply: Buffer;
  /** The slot has moved, and the request belongs to what stays where it was. */
  readonly movedMeanwhileReply: Buffer;
  /** A request was sent on and on. */
  readonly tooManyRedirectsReply: Buffer;
}

/** Per-client state of a protocol. `id` is unique in the worker. */
export interface Session {
  readonly id: number;
  /**
   * Which of the protocol's kinds of server connections serve the client: 0 is what the handshake leaves by default.
   * A request of the client may change it for those after it.
   */
  readonly variant: number;
  /** What the client calls itself; empty: nothing. */
  readonly name: string;
  /** Whom it has logged in as; empty: nobody. */
  readonly user: string;
  /** Whose rights it has; null: the pool has no users, or it has not signed in. */
  readonly account: Account | null;
  /** From its next request on it is who has this account. */
  signIn(account: Account): void;
  /** It is nobody, as if it had just connected. */
  signOut(): () => void;
  /** It has signed in, or given the pool's password. */
  readonly isAuthenticated: boolean;
  /** As the client numbers them. */
  readonly database: number;
  /** Bytes kept of what the client sent; small and bounded. */
  readonly keptBytes: number;
  /** What it has subscribed to; whoever keeps that sets it, and the session takes it back to NO_TOPICS when it begins anew. */
  topics: TopicCounts;
  /** Where it has come by a port that several pools share; null: by the pool's own. Whoever keeps the client sets it. */
  port: PortGuest | null;
  /** Whether it may sign in as somebody who may have so many connections; null: nobody's are limited. Likewise. */
  places: SignInPlaces | null;
  /** Remembers what requests that may have to wait change here, … */
  mark?(): void;
  /** … and takes back what was changed of it since. */
  rewind?(): void;
}

/** More bytes are needed. */
export const INCOMPLETE = -1;
/** The peer does not speak the protocol. */
export const MALFORMED = -2;

/** What is to be done with one request. */
export interface RequestReading {
  readonly route: Route;
  /** Canonical name from the command table; never bytes of the client's. */
  readonly command: string;
  /** A set of FLAG_…; of a ROUTE_LOCAL nobody asks. */
  readonly flags: number;
  /** ROUTE_PRIVATE: what it does with the client's own connection. */
  readonly hold: Hold;
  /** HOLD_BLOCK: how long the server may let it wait, in ms; below 0: for ever. */
  readonly waitMs: number;
  /** ROUTE_PRIVATE: it leaves something behind at the server that the next user of the connection must not meet. */
  readonly isSoiling: boolean;
  /** ROUTE_SUBSCRIPTION, ROUTE_PUBLICATION: what the keys are names of. ROUTE_AUDIENCE: what is asked for. */
  readonly topicKind: TopicKind;
  /** ROUTE_SUBSCRIPTION: the client leaves them. */
  readonly isLeavingTopics: boolean;
  /** ROUTE_SUBSCRIPTION: how the client sees topics; null: as the servers do. */
  readonly topicScope: TopicScope | null;
  /**
   * Of connections. Without keys: it goes out on one of each of these variants. With keys: on connections of these they are found,
   * or will be by when it is done (in several databases, or another). Null: of the client's own.
   */
  readonly variants: readonly number[] | null;
  /** ROUTE_SERVER: which, in the order of `CommandRules.serverNames`. HOLD_QUEUE: the same, below 0: its keys say which. */
  readonly serverPlace: number;
  /** For ROUTE_SLOT. */
  readonly slot: number;
  /** ROUTE_SWEEP: what is asked, this request's alone; else not to be looked at. */
  readonly sweep: KeySweep | null;
  /** ROUTE_AUDIENCE: the reply has numbers of subscribers. */
  readonly isCountingListeners: boolean;
  /** ROUTE_CLIENTS: what is asked; else not to be looked at. */
  readonly inquiry: ClientInquiry | null;
  /** HOLD_RUN: what of its reply all workers answer, this request's alone; null: nothing. Else not to be looked at. */
  readonly awaitedRun: AwaitedRun | null;
  /** What the reply scanner must expect from the server. */
  readonly replyKind: number;
  /** Makes of the server's reply what the client reads, and is this request's alone; null: the client reads the reply itself. */
  readonly transform: ReplyTransform | null;
  /** ROUTE_KEY, ROUTE_SAME_SERVER, ROUTE_ANY, ROUTE_ALL, ROUTE_PRIVATE: what it needs of its server; null: nothing. */
  readonly remedy: Remedy | null;
  readonly keyCount: number;
  /**
   * Key i is `buf[keyStarts[i], keyEnds[i])` of `keyBuf`, or where that is null of the request as it is sent. The arrays are
   * reused and may be replaced as they grow.
   */
  readonly keyStarts: Int32Array;
  readonly keyEnds: Int32Array;
  /** Where the keys lie when they are not in the request as it is sent: there they may be base64. */
  readonly keyBuf: Buffer | null;
  /** `buf[cutStart, cutEnd)` is left out when the request is forwarded (memcached's ` noreply`); equal: nothing. */
  readonly cutStart: number;
  readonly cutEnd: number;
  /** The client wants no reply: the server's is read and dropped. */
  readonly isNoreply: boolean;
  /**
   * `rewritten[0, rewrittenEnd)` is to be sent in place of the request (an inline command as an array); null: as it came.
   * Key and cut ranges are positions in it, and `fragment` gets it as its `buf`.
   */
  readonly rewritten: Buffer | null;
  readonly rewrittenEnd: number;
  /** The memory that `rewritten` lies in, on which the parser lets go with the next `parse`; null: nobody's else. */
  readonly rewrittenBlock: Block | null;
  /**
   * ROUTE_LOCAL: the answer, never written to again; empty: none. HOLD_REFUSE, HOLD_ABORT: likewise; HOLD_BLOCK without keys: what
   * the client reads in a pool of several servers.
   */
  readonly reply: Buffer;
  /** ROUTE_LOCAL: the answer says that a password was wrong, and is to be late. */
  readonly isRefusedSignIn: boolean;
  /** ROUTE_LOCAL: there may be a password in it. */
  readonly isSignIn: boolean;
  /** ROUTE_LOCAL: close the connection once the answer is out. */
  readonly closesClient: boolean;
  /** ROUTE_SPLIT, ROUTE_ALL: merges the replies. */
  readonly coalescer: Coalescer;

  /**
   * The request for a part of the keys of the request, which is `buf[start, end)` (ROUTE_SPLIT): of the keys
   * `members[0, count)`, indexes in ascending order.
   */
  fragment(buf: Buffer, start: number, end: number, members: Int32Array, count: number): Fragment;
  /** `fragment` for later (ROUTE_SPLIT): by then the request lies `shift` bytes further on in its buffer. */
  fragmenter(shift: number): Fragmenter;
}

/**
 * Reads one request and says what is to be done with it. The fields describe the request last parsed; they are
 * overwritten by the next `parse`, so the caller is done with them before.
 */
export interface RequestParser extends RequestReading {
  /** What it keeps for all clients; null: nothing. */
  readonly kept: KeptMemory | null;
  /** What the servers may be asked when something is not known; null: nothing. */
  readonly lesson: Lesson | null;
  /** Who may use the pool; null: it has no users. */
  readonly accounts: Accounts | null;

  /**
   * Reads the request that begins at `buf[start]`. Returns the position after it, or INCOMPLETE. Bad input is a
   * ROUTE_LOCAL whose reply is the protocol's error. A ROUTE_LOCAL may end after `end`: the bytes up to there are
   * still to come and are skipped (a value over the limit).
   */
  parse(session: Session, buf: Buffer, start: number, end: number): number;

  /**
   * The number of requests of the transaction that the request at `buf[start]` opens, if all of it is in `buf[start, end)`,
   * each may become part of it, and the client watches no keys; else 0. The key ranges and the remedy are then those of all of
   * them; nothing else of the parser is valid, and the session is as before the first. See `wholeBytes`, too.
   */
  wholeTransaction(session: Session, buf: Buffer, start: number, end: number): number;

  /** After `wholeTransaction`: the requests as they go out, in which the keys are; null: they go out as they came. */
  readonly wholeBytes: Buffer | null;

  /** After `wholeTransaction`: what limits ask of them. */
  readonly wholeParts: WholeParts;

  /** Nothing of its pool is kept from the client for want of a sign-in. */
  isOpenTo(session: Session): boolean;
  /** Whoever has given the password of the pool of `other` has given that of this one. */
  hasPasswordOf(other: RequestParser): boolean;
}

/** See `RequestReading.fragment`. */
export interface Fragmenter {
  fragment(buf: Buffer, members: Int32Array, count: number): Fragment;
}

/** A request in `block.bytes[0, length)`. The block's one reference is the caller's. */
export interface Fragment {
  readonly block: Block;
  readonly length: number;
}

/**
 * Finds where a request ends that arrives in pieces, reading each byte once. Where it reads nonsense or an announced
 * length over the limit, the request ends: `parse` then has the whole header and words the error.
 */
export interface Framer {
  /** After INCOMPLETE: at least so many bytes are still to come; 0 when that is not known. */
  readonly missingBytes: number;
  /** A new request begins. */
  reset(): void;
  /** The position after the request, or INCOMPLETE when it goes on after `end`. */
  scan(buf: Buffer, start: number, end: number): number;
}

/** Finds where a reply ends, reading each byte once; replies may arrive split at any byte. */
export interface ReplyScanner {
  /** The next byte begins the reply to a request of this kind. */
  begin(replyKind: number): void;
  /** The position after the reply, or INCOMPLETE, or MALFORMED. */
  scan(buf: Buffer, start: number, end: number): number;
  /** After INCOMPLETE: at least so many bytes are still to come; 0 when that is not known. */
  readonly missingBytes: number;
  /** After a complete reply: it was the protocol's error. */
  readonly isError: boolean;
  /**
   * Replies of a higher kind the server cannot give, and must not be asked for: known from its replies to the handshake, and
   * taken for the highest of all before.
   */
  readonly highestReplyKind: number;
  /** After a complete reply that is no error, to a request for the values of `asked` keys: how many of them are there. */
  found(asked: number): number;
  /** After a complete reply: it was an error by which the server says that it serves nobody for now, or no writes. */
  readonly isOutOfService: boolean;
  /** Between two replies: what begins with this byte answers no request. */
  isPush(firstByte: number): boolean;
  /** The next byte begins something that answers no request. */
  beginPush(): void;
}

/**
 * Merges the replies of one request's fragments into the reply to the whole. One that is the request's transform as well
 * writes what the client reads.
 */
export interface Coalescer {
  /**
   * `parts[p]` is the complete reply of fragment p. For ROUTE_SPLIT, `owners[i]` is the part that key i was sent
   * in (keys keep their order within a part) and `owners.length` the number of keys; for ROUTE_ALL it is empty.
   * A part that is an error makes the whole an error.
   */
  merge(parts: readonly Buffer[], owners: Int32Array, out: ReplyOut): void;
  /**
   * What stands for the reply of a fragment that failed, where the others are of use all the same: bytes that are never
   * written to again. Without it one failure fails the whole.
   */
  failedPart?(reason: FailureReason): Buffer;
  /** ROUTE_ALL: a request that each server is sent just ahead; the replies to it are the first half of the parts. */
  readonly companion?: Buffer;
  /** The parts may have so many bytes together; with more, the client reads `tooLarge`. Without it there is no limit. */
  readonly maxBytes?: number;
  readonly tooLarge?: Buffer;
}

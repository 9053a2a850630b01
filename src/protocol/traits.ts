import type { SettingTable } from '../settings/setting.ts';

/**
 * What the control side knows of a protocol: it reads the configuration and asks servers whether they are there, and
 * never sees a client's bytes, so it loads neither parser nor scanner.
 */
export interface ProtocolTraits {
  /** For people. */
  readonly title: string;
  /** Of the pools that speak it, beside those that all pools have. */
  readonly settings: SettingTable;
  /** How many kinds of server connections there are; see `Session.variant`. */
  readonly variants: number;
  /** Why there is more than one, as an addition to `server_connections`; empty when there is one. */
  readonly variantsNote: string;
  /** What `redis:` of twemproxy's form says to have this protocol; null: it is not to be had there. */
  readonly twemproxyRedis: boolean | null;
  /** For the rules of users. */
  readonly access: AccessTraits;
  /** What credentials must have or be, so that servers can be told them. */
  readonly credentialsNeed: { readonly user: boolean; readonly oneLine: boolean };
  /** Its servers say what they are; null: there is no way to ask. */
  readonly about: AboutTraits | null;
  /** Its servers may form a cluster that places the keys itself; null: they don't. */
  readonly cluster: ClusterTraits | null;
  /** Its servers may be looked after by Sentinels; null: there are none. */
  readonly sentinel: SentinelTraits | null;
  /** Its servers may have replicas; null: they don't. */
  readonly replication: ReplicationTraits | null;
  /**
   * What a server is asked, one after the other, to see if it is there. `credentials`: what it wants to hear first, null for
   * nothing: then only an answer that others would get too will do. Undefined: whoever asks does not know, and to be asked
   * for a password is an answer.
   */
  questions(credentials: ServerCredentials | null | undefined): readonly Question[];
}

/** What a server is told at first, so that it lets us in. */
export interface ServerCredentials {
  /** Null: its protocol's usual one, or there are no users. */
  readonly user: string | null;
  readonly password: string;
}

/** What rules of users may name, and how a pool's own password signs in. */
export interface AccessTraits {
  /** Lower case; of subcommands `container|subcommand`. */
  commands(): readonly string[];
  categories(): readonly string[];
  /** The user that a pool's password stands for, and what is to be given. */
  credentials(poolPassword: string): { readonly name: string; readonly password: string };
}

/** How a server is asked what it is. */
export interface AboutTraits {
  question(credentials: ServerCredentials | null): Buffer;
  /** With one of which its answer ends, in latin1. */
  readonly ends: readonly string[];
  /** Text: why the answer is of no use. `isLetIn`: the question had credentials. */
  read(answer: Buffer, isLetIn: boolean): AboutServer | string;
}

/** What a server says that it is. */
export interface AboutServer {
  readonly version: string;
  /** It is a node of a cluster. */
  readonly isOfCluster: boolean;
  /** It follows another. */
  readonly isReplica: boolean;
}

/** Something cheap that a server answers with a line. Bytes are latin1. */
export interface Question {
  readonly bytes: string;
  readonly name: string;
  /** How an answer in the protocol begins. */
  readonly answer: RegExp;
  /** Answers in the protocol that nevertheless mean that the server serves nobody now, or not us. */
  readonly refusal: RegExp;
}

/** How a node of a cluster is asked who has which keys. */
export interface ClusterTraits {
  /** What to write to it. `isModern`: it is taken to know the youngest form of the question. */
  question(credentials: ServerCredentials | null, isModern: boolean): Buffer;
  /** With one of which its answer ends, in latin1. */
  readonly ends: readonly string[];
  /** Text: why the answer is of no use. Null: it does not know the question in its youngest form. */
  read(answer: Buffer, isLetIn: boolean, isModern: boolean, isTls: boolean): ClusterAnswer | string | null;
}

/** What a node says of its cluster. */
export interface ClusterAnswer {
  readonly nodes: readonly ToldNode[];
  /** First slot, last slot, index of the owner in `nodes`; and so on. */
  readonly ranges: readonly number[];
  /** The node sees most of its cluster. */
  readonly isOk: boolean;
  /** Grows with every change of who has what: a node that has seen less of these knows less. */
  readonly epoch: number;
}

/** One node, as another speaks of it. */
export interface ToldNode {
  /** Where it wants to be reached; empty: at the host that was asked. */
  readonly host: string;
  /** What else it is called. */
  readonly others: readonly string[];
  readonly port: number;
  readonly isReplica: boolean;
  /** Of a replica: index of its primary in the nodes told; -1: not told. */
  readonly primary: number;
  /** Others can't reach it. */
  readonly isDown: boolean;
}

/** How Sentinels are asked who is the master of a name, and servers whether they are one. */
export interface SentinelTraits {
  /** What to write to a Sentinel to hear of these masters. */
  question(credentials: ServerCredentials | null, masters: readonly string[]): Buffer;
  /** With one of which the answers to all of these end, in latin1. */
  readonly end: readonly string[];
  /** What is known of each master, in the order asked; null: nothing. Text: why the answer is of no use. */
  read(
    answer: Buffer,
    credentials: ServerCredentials | null,
    masters: readonly string[],
  ): readonly (ToldMaster | null)[] | string;
  /** What to write to a server to hear whether it is a master. */
  roleQuestion(credentials: ServerCredentials | null): Buffer;
  /** Null: it is one. Text: why it is not taken for one. */
  readRole(answer: Buffer, credentials: ServerCredentials | null): string | null;
  /** What to write to a Sentinel to hear at once of what happens to masters and their replicas. */
  subscription(credentials: ServerCredentials | null): Buffer;
  /** What to write now and then, so that it says something. */
  readonly ping: Buffer;
  /** Takes what it says apart: events, and how many bytes of `heard` these were; null: it is no Sentinel. */
  readEvents(heard: Buffer): { readonly events: readonly SentinelEvent[]; readonly length: number } | null;
}

/** One master, as a Sentinel speaks of it. */
export interface ToldMaster {
  readonly host: string;
  readonly port: number;
  /** Grows with every fail-over of this master: a Sentinel that has seen less of these knows less. */
  readonly epoch: number;
  /** Those that it can reach. */
  readonly replicas: readonly { readonly host: string; readonly port: number }[];
}

export interface SentinelEvent {
  /** Such as `+switch-master`. */
  readonly name: string;
  readonly master: string;
  /** Another server is the master from now on; else something happened to one of its replicas. */
  readonly isSwitch: boolean;
}

/** How a server is asked whom it follows. */
export interface ReplicationTraits {
  question(credentials: ServerCredentials | null): Buffer;
  /** With one of which the answer ends, in latin1. */
  readonly end: readonly string[];
  /** Text: why the answer is of no use. */
  read(answer: Buffer, credentials: ServerCredentials | null): ReplicationState | string;
}

export interface ReplicationState {
  readonly isReplica: boolean;
  /** Of a replica: it hears its primary. */
  readonly isLinked: boolean;
  /** Of a replica: it gets all data of its primary anew. */
  readonly isSyncing: boolean;
  /** Bytes of what was written: of a primary by itself, of a replica as far as it has that. */
  readonly offset: number;
}

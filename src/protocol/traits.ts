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
  /**
   * What a server is asked, one after the other, to see if it is there. `password`: what it wants to hear first, null for
   * nothing: then only an answer that others would get too will do. Undefined: whoever asks does not know, and to be asked
   * for a password is an answer.
   */
  questions(password: string | null | undefined): readonly Question[];
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

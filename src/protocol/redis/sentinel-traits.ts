// What the control side asks Sentinels and the servers they name. Sources: Redis's guidelines for clients of Sentinel, the
// documentation of Sentinel and of ROLE.

import type { SentinelEvent, SentinelTraits, ServerCredentials, ToldMaster } from '../traits.ts';
import {
  type Answer,
  AnswerReader,
  authOf,
  field,
  isPort,
  listOf,
  NO_AUTH,
  PONG,
  requestBytes,
} from './answer-traits.ts';

/** Of each master: where clients should go, what else is known of it, its replicas. `SLAVES` is what all versions know. */
const QUESTIONS = ['GET-MASTER-ADDR-BY-NAME', 'MASTER', 'SLAVES'] as const;

const SWITCH = '+switch-master';
const EVENTS = [SWITCH, '+slave', '+sdown', '-sdown', '+reboot', '-reboot', '+slave-reconf-done', '+convert-to-slave'];

function question(credentials: ServerCredentials | null, masters: readonly string[]): Buffer {
  const asked = masters.flatMap(name => QUESTIONS.map(what => ['SENTINEL', what, name]));
  return requestBytes([...authOf(credentials), ...asked, ['PING']]);
}

function readMasters(
  answer: Buffer,
  credentials: ServerCredentials | null,
  masters: readonly string[],
): readonly (ToldMaster | null)[] | string {
  const reader = new AnswerReader(answer);
  const refusal = readRefusal(reader, authOf(credentials).length);
  if (refusal !== null) return refusal;
  const told: (ToldMaster | null)[] = [];
  for (const _ of masters) {
    const [address, master, replicas] = QUESTIONS.map(() => reader.read());
    // Not of one master alone: it lets us see none, or is no Sentinel.
    const denial = address instanceof Error ? address : null;
    if (denial !== null) return saying(denial);
    told.push(readMaster(address, master, replicas));
  }
  return reader.isBad ? 'it answers something that is not its protocol' : told;
}

function readMaster(address: Answer | undefined, master: Answer | undefined, slaves: Answer | undefined) {
  const [host, portText] = listOf(address);
  const port = Number(portText);
  if (typeof host !== 'string' || host === '' || !isPort(port)) return null;
  const replicas = listOf(slaves).flatMap(replica => {
    const [ip, flags] = [field(replica, 'ip'), field(replica, 'flags')];
    const at = Number(field(replica, 'port'));
    const isThere = typeof flags === 'string' && !/s_down|o_down/.test(flags);
    return typeof ip === 'string' && ip !== '' && isPort(at) && isThere ? [{ host: ip, port: at }] : [];
  });
  return { host, port, epoch: Number(field(master, 'config-epoch') ?? 0), replicas };
}

function readRole(answer: Buffer, credentials: ServerCredentials | null): string | null {
  const reader = new AnswerReader(answer);
  const refusal = readRefusal(reader, authOf(credentials).length);
  if (refusal !== null) return refusal;
  const role = reader.read();
  if (role instanceof Error) return saying(role);
  const [name] = listOf(role);
  if (typeof name !== 'string') return 'it answers something that is no role';
  return name === 'master' ? null : `its role is ${JSON.stringify(name)}`;
}

/** Of the first `count` answers, which say nothing else. */
function readRefusal(reader: AnswerReader, count: number): string | null {
  for (let i = 0; i < count; i++) {
    const said = reader.read();
    if (said instanceof Error) return saying(said);
  }
  return null;
}

function saying(error: Error): string {
  return `it answers ${JSON.stringify(error.message)}`;
}

function readEvents(heard: Buffer): { readonly events: readonly SentinelEvent[]; readonly length: number } | null {
  const events: SentinelEvent[] = [];
  let length = 0;
  for (;;) {
    const reader = new AnswerReader(heard.subarray(length));
    const said = reader.read();
    // Rather than that it ended too early: they are short, and whoever sends long ones is cut off.
    if (reader.isBad)
      return heard.length > length && !'*+'.includes(String.fromCharCode(heard[length]!)) ? null : { events, length };
    if (said instanceof Error) return null;
    length += reader.length;
    const [kind, name, payload] = listOf(said);
    if (kind !== 'message' || typeof name !== 'string' || typeof payload !== 'string') continue;
    const event = readEvent(name, payload);
    if (event !== null) events.push(event);
  }
}

/** `+switch-master`: name, old host, port, new host, port. Others: kind, name, host, port, `@`, master, host, port. */
function readEvent(name: string, payload: string): SentinelEvent | null {
  const words = payload.split(' ');
  if (name === SWITCH) return { name, master: words[0]!, isSwitch: true };
  const master = words[words.indexOf('@') + 1];
  return words[0] === 'slave' && words.includes('@') && master !== undefined ? { name, master, isSwitch: false } : null;
}

export const SENTINEL_TRAITS: SentinelTraits = {
  question,
  end: [PONG, NO_AUTH],
  read: readMasters,
  roleQuestion: credentials => requestBytes([...authOf(credentials), ['ROLE'], ['PING']]),
  readRole,
  subscription: credentials => requestBytes([...authOf(credentials), ['SUBSCRIBE', ...EVENTS]]),
  ping: requestBytes([['PING']]),
  readEvents,
};

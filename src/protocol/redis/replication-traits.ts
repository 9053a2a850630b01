// What the control side asks of primaries and replicas: INFO replication, as Redis documents it.

import type { ReplicationState, ReplicationTraits, ServerCredentials } from '../traits.ts';
import { AnswerReader, authOf, NO_AUTH, PONG, requestBytes } from './answer-traits.ts';

function question(credentials: ServerCredentials | null): Buffer {
  // A server that loads its data tells its role, and answers no PING.
  return requestBytes([...authOf(credentials), ['INFO', 'replication'], ['PING']]);
}

function read(answer: Buffer, credentials: ServerCredentials | null): ReplicationState | string {
  const reader = new AnswerReader(answer);
  const values = Array.from({ length: credentials === null ? 2 : 3 }, () => reader.read());
  const refusal = values.find(value => value instanceof Error) as Error | undefined;
  if (refusal !== undefined) return `it answers ${JSON.stringify(refusal.message)}`;
  const info = values.at(-2);
  if (reader.isBad || typeof info !== 'string') return 'it answers something that is not its protocol';
  const field = (name: string) => new RegExp(`^${name}:([^\\r\\n]*)`, 'm').exec(info)?.[1] ?? null;
  const isReplica = field('role') === 'slave';
  const offset = field(isReplica ? 'slave_repl_offset' : 'master_repl_offset');
  if (field('role') === null) return 'it says nothing of its role';
  return {
    isReplica,
    isLinked: field('master_link_status') === 'up',
    isSyncing: field('master_sync_in_progress') === '1',
    offset: Number(offset ?? 0),
  };
}

export const REPLICATION_TRAITS: ReplicationTraits = {
  question,
  end: [PONG, NO_AUTH, '-LOADING Redis is loading the dataset in memory\r\n'],
  read,
};

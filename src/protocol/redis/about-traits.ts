// What the control side asks a Redis server to hear what it is: INFO, and PING to see the end.
import type { AboutServer, AboutTraits } from '../traits.ts';
import { AnswerReader, authOf, NO_AUTH, PONG, requestBytes } from './answer-traits.ts';

function read(answer: Buffer, isLetIn: boolean): AboutServer | string {
  const reader = new AnswerReader(answer);
  const values = Array.from({ length: isLetIn ? 3 : 2 }, () => reader.read());
  const refusal = values.find(value => value instanceof Error) as Error | undefined;
  if (refusal !== undefined) return `it answers ${JSON.stringify(refusal.message)}`;
  const info = values.at(-2);
  if (reader.isBad || typeof info !== 'string') return 'it answers something that is not its protocol';
  const field = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? '';
  return {
    version: field('redis_version'),
    isOfCluster: field('cluster_enabled') === '1',
    isReplica: field('role') === 'slave',
  };
}

export const ABOUT_TRAITS: AboutTraits = {
  question: credentials => requestBytes([...authOf(credentials), ['INFO'], ['PING']]),
  ends: [PONG, NO_AUTH],
  read,
};

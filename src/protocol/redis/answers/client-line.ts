// A client's line in CLIENT LIST and CLIENT INFO, in the fields of Redis 7.
import type { ClientState } from '../../protocol.ts';
import type { RedisSession } from '../session.ts';

/** CLIENT LIST's TYPE; replicas and masters are no clients of a pool. */
export function clientKind({ topics }: RedisSession): 'normal' | 'pubsub' {
  return topics.some(count => count > 0) ? 'pubsub' : 'normal';
}

/** What servers keep for it, and its buffers apart from what it has not read, are not known: they are 0. */
export function clientLine(session: RedisSession, state: ClientState): string {
  const { id, addresses, name, libName, libVersion, respVersion, database, topics } = session;
  const multi = session.isInTransaction ? session.queuedRequests : session.runningRequests;
  const ageSeconds = Math.floor((Date.now() - session.connectedAtMs) / 1000);
  const [sub, psub, ssub] = topics;
  const { command, unsentBytes, memoryBytes } = state;
  return (
    `id=${id} ${addresses} name=${name} age=${ageSeconds} idle=${Math.floor(state.idleMs / 1000)} ` +
    `flags=${flagsOf(session, state)} db=${database} sub=${sub} psub=${psub} ssub=${ssub} ` +
    `multi=${multi} qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 ` +
    `omem=${unsentBytes} tot-mem=${memoryBytes} events=r cmd=${command === '' ? 'NULL' : command} user=${session.user} redir=-1 ` +
    `resp=${respVersion} lib-name=${libName} lib-ver=${libVersion}\n`
  );
}

/** As servers write them: subscribed, in a transaction, waits, of a unix socket, not to be evicted, touches nothing; else none. */
function flagsOf(session: RedisSession, { isBlocked }: ClientState): string {
  const subscribed = clientKind(session) === 'pubsub' ? 'P' : '';
  const inTransaction = session.isInTransaction || session.runningRequests >= 0 ? 'x' : '';
  const kind = `${session.isOfUnixSocket ? 'U' : ''}${session.isNoEvict ? 'e' : ''}${session.isNoTouch ? 'T' : ''}`;
  const flags = `${subscribed}${inTransaction}${isBlocked ? 'b' : ''}${kind}`;
  return flags === '' ? 'N' : flags;
}

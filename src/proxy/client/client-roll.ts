import type { ClientRow } from '../../figures/client-row.ts';
import type { ClientAnswer, ClientQuestion } from '../../protocol/client-inquiry.ts';
import type { ClientState, ClientWords, Session } from '../../protocol/protocol.ts';

export type ClientFigures = Pick<
  ClientRow,
  'ageMs' | 'idleMs' | 'pendingRequests' | 'pendingBytes' | 'requests' | 'isLimited'
>;

/** A client as it stands in the roll. */
export interface ListedClient {
  readonly session: Session;
  readonly address: string;
  state(): ClientState;
  figures(): ClientFigures;
  /** Ends the connection; `isAsker`: once it has its replies. */
  kill(isAsker: boolean): void;
  /** Ends its waiting at a server; `then` hears, perhaps later, whether it did wait. */
  unblock(isError: boolean, then: (wasBlocked: boolean) => void): void;
}

/** So many clients of one worker are told of at once: some milliseconds of work, and a megabyte. */
const MAX_LISTED = 4000;

/** Answers for the clients of one pool in this worker. One that was unblocked is answered for when its server has said so. */
export function answerForClients(
  clients: readonly ListedClient[],
  words: ClientWords,
  question: ClientQuestion,
  then: (answer: ClientAnswer) => void,
): void {
  const found = clients.filter(client => words.covers(question, client.session));
  switch (question.action) {
    case 'list': {
      const listed = found.slice(0, MAX_LISTED);
      then({ lines: listed.map(client => words.line(client.session, client.state())), count: found.length });
      return;
    }
    case 'kill':
      for (const client of found) client.kill(client.session.id === question.askerId);
      then({ lines: [], count: found.length });
      return;
    case 'pause':
      // It is the pool's; the master passes it on.
      then({ lines: [], count: 0 });
      return;
    case 'unblock': {
      const [client] = found;
      if (client === undefined) then({ lines: [], count: 0 });
      else client.unblock(question.isError, wasBlocked => then({ lines: [], count: wasBlocked ? 1 : 0 }));
      return;
    }
  }
}

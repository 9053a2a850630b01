// What a worker says of the clients of its pools.
import type { ClientPage, ClientSearch } from '../figures/client-row.ts';
import type { TrafficInsight } from '../figures/traffic-insight.ts';
import type { ClientAnswer, ClientQuestion } from '../protocol/client-inquiry.ts';
import { searchClients } from '../proxy/client/client-search.ts';
import type { Frontend } from '../proxy/frontend.ts';

type Frontends = ReadonlyMap<string, Frontend>;

/** To a client that asks about others of its pool; a pool that is not here has none. `then` may be called later. */
export function answerOf(
  frontend: Frontend | undefined,
  question: ClientQuestion,
  then: (answer: ClientAnswer) => void,
): void {
  if (frontend === undefined) then({ lines: [], count: 0 });
  else frontend.answerForClients(question, then);
}

/** To an operator. */
export function pageOf(frontends: Frontends, search: ClientSearch, slot: number): ClientPage {
  const clients = new Map([...frontends].map(([name, { listedClients }]) => [name, listedClients]));
  return searchClients(clients, search, slot);
}

export function insightsOf(frontends: Frontends): TrafficInsight[] {
  return [...frontends].map(([name, { watch }]) => watch.insight(name));
}

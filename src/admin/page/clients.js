// Who is connected to the pool that is shown, and a way to cut one off.
import { ask } from './feed.js';
import { bytes, count, span } from './format.js';
import { setText, tableOf } from './table.js';

const SHOWN = 20;

/** `page`: pool(); cut(id). Returns what asks for them anew. */
export function clientsOf(element, { pool, cut }) {
  const number = (title, text) => ({ title, text, kind: 'number' });
  const fill = tableOf('clients-table', 'Clients, those with most of it first', [
    { title: 'Address', text: row => row.address },
    { title: 'Name', text: row => row.name },
    { title: 'User', text: row => row.user },
    number('Database', row => String(row.database)),
    number('Age', row => span(row.ageMs)),
    number('Idle', row => span(row.idleMs)),
    number('Requests', row => count(row.requests)),
    number('Pending', row => count(row.pendingRequests)),
    number('Not answered or read', row => bytes(row.pendingBytes)),
    number('Worker', row => String(row.worker)),
    { title: 'Last command', text: row => (row.isBlocked ? `${row.command}, waits` : row.command) },
    {
      title: 'Cut off',
      kind: 'button',
      text: () => 'Cut off',
      label: row => `Cut off ${`${row.address} ${row.name}`.trim()}`,
      press: row => cut(row.id),
    },
  ]);
  let offset = 0;
  const update = async () => {
    const wanted = element('client-filter').value.trim();
    // The API filters by one or the other; a number or a dot is an address.
    const filter = wanted === '' ? {} : { [/^[\d.:[\]]+$/.test(wanted) ? 'address' : 'name']: wanted };
    const asked = { pool: pool(), sort: element('client-sort').value, count: SHOWN, offset, ...filter };
    const answer = await ask('clients', asked);
    if (answer === null || asked.pool !== pool() || asked.offset !== offset) return;
    const { total, clients } = answer;
    if (offset > 0 && clients.length === 0) {
      offset = 0;
      return;
    }
    const to = offset + clients.length;
    setText(element('clients-note'), total === 0 ? 'No clients' : `${offset + 1} to ${to} of ${total} clients`);
    element('clients-before').disabled = offset === 0;
    element('clients-after').disabled = to >= total;
    fill(clients);
  };
  const turn = step => {
    offset = Math.max(0, offset + step * SHOWN);
    update();
  };
  element('clients-before').addEventListener('click', () => turn(-1));
  element('clients-after').addEventListener('click', () => turn(1));
  for (const name of ['client-filter', 'client-sort']) {
    element(name).addEventListener('input', () => {
      offset = 0;
      update();
    });
  }
  return update;
}

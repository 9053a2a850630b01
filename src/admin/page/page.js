// The page: what the daemon sends every second, and what is asked of it as often as it is worth.

import { clientsOf } from './clients.js';
import { eventsOf } from './events.js';
import { ask, listen } from './feed.js';
import { bytes, count, duration, hitRatio, percent, time } from './format.js';
import { Plots } from './plots.js';
import { reshardOf } from './reshard.js';
import { drawRing, sharesOf } from './ring.js';
import { steer } from './steering.js';
import { setText, tableOf } from './table.js';

const QUICK_MS = 2000;
const SLOW_MS = 5000;
/** More rows than these nobody reads; the filter finds the others. */
const SERVERS_MAX = 100;
const LIST_MAX = 20;

const element = id => document.getElementById(id);
const number = (title, text) => ({ title, text, kind: 'number' });
const word = (title, text) => ({ title, text });
const long = (title, text) => ({ title, text, kind: 'long' });
const isOut = ({ state }) => state !== 'in' && state !== 'unwell';
const isBad = ({ state }) => state !== 'in';

const fill = {
  pools: tableOf(
    'pools-table',
    'All pools, now',
    [
      word('Pool', row => row.pool),
      word('Protocol', row => row.protocol),
      number('Requests/s', row => count(row.requestsPerSecond)),
      number('Errors/s', row => count(row.errorsPerSecond)),
      number('Hits', row => hitRatio(row.hitsPerSecond, row.missesPerSecond)),
      number('p50', row => duration(row.p50Us)),
      number('p99', row => duration(row.p99Us)),
      number('Clients', row => count(row.clients)),
      word('Servers', row => (row.out === 0 ? `${row.servers} in` : `${row.out} of ${row.servers} out`)),
    ],
    row => (row.out > 0 ? 'bad' : row.errorsPerSecond > 0 ? 'warn' : undefined),
  ),
  latency: tableOf('latency-table', 'From reading a request to writing its reply', [
    word('Of the last', row => row.window),
    number('Requests', row => count(row.requests)),
    ...['p50', 'p90', 'p95', 'p98', 'p99', 'p999', 'max'].map(name =>
      number(name === 'p999' ? 'p99.9' : name, row => duration(row[`${name}Us`])),
    ),
  ]),
  servers: tableOf(
    'servers-table',
    'Servers, those in trouble first, then the slowest',
    [
      word('Server', row => row.server),
      word('State', row => (row.isSlow ? `${row.state}, slow` : row.state)),
      word('Role', row => row.role ?? ''),
      number('Requests/s', row => count(row.requestsPerSecond)),
      number('p50', row => duration(row.p50Us)),
      number('p99', row => duration(row.p99Us)),
      number('In flight', row => count(row.inflight)),
      number('Failures', row => count(row.failures)),
      number('Error replies', row => count(row.errorReplies)),
      number('Hits', row => hitRatio(row.hits, row.misses)),
      number('Share of the ring, or of slots', row => percent(row.share)),
      word('Address', row => row.address),
      {
        title: 'Change',
        kind: 'button',
        text: row => (isOut(row) ? 'Readmit' : 'Eject'),
        label: row => `${isOut(row) ? 'Readmit' : 'Eject'} ${row.server}`,
        press: row => steering.server(row.server, isOut(row) ? 'readmit' : 'eject'),
      },
    ],
    row => (isBad(row) ? 'bad' : row.isSlow ? 'warn' : undefined),
  ),
  slowlog: tableOf('slowlog-table', 'The newest slow requests', [
    word('At', row => time(row.atMs ?? row.at)),
    number('Total', row => duration(row.totalUs)),
    number('Waited', row => duration(row.queueUs)),
    number('At the server', row => duration(row.serverUs)),
    word('Server', row => row.server ?? ''),
    word('Command', row => row.command),
    long('Key', row => row.key ?? ''),
    word('Client', row => row.client ?? ''),
  ]),
  hotkeys: tableOf('hotkeys-table', 'Keys that are asked for most', heavy('Key')),
  bigkeys: tableOf('bigkeys-table', 'Largest values lately', [
    long('Key', row => row.item),
    word('Command', row => row.command),
    number('Size', row => bytes(row.size)),
    word('Kind', row => row.kind),
  ]),
  busyclients: tableOf('busyclients-table', 'Clients by their requests', heavy('Client')),
  commands: tableOf('commands-table', 'Commands of the last minute', [
    word('Command', row => row.command),
    number('Requests/s', row => count(row.lastMinute.perSecond)),
    number('p50', row => duration(row.lastMinute.p50Us)),
    number('p99', row => duration(row.lastMinute.p99Us)),
    number('Ever', row => count(row.requests)),
  ]),
  workers: tableOf(
    'workers-table',
    'Workers',
    [
      number('Slot', row => String(row.slot)),
      word('State', row => row.state),
      number('Process', row => String(row.pid ?? '')),
      number('Clients', row => count(row.clients)),
      number('CPU', row => (row.cpu === null ? '–' : percent(row.cpu))),
      number('Memory', row => bytes(row.residentBytes)),
      number('Held for clients', row => bytes(row.heldBytes)),
      number('Restarts', row => count(row.restarts)),
      long('Why', row => row.why ?? ''),
    ],
    row => (row.state === 'serving' ? undefined : 'bad'),
  ),
  events: tableOf(
    'events-table',
    'What happened, the newest first',
    [
      word('At', row => time(row.at)),
      word('Event', row => row.event),
      long('Words', row => row.message),
      long('Details', row => detailsOf(row.details)),
    ],
    row => (row.level === 'error' ? 'bad' : row.level === 'warn' ? 'warn' : undefined),
  ),
  settings: tableOf('settings-table', 'Set since the file was read', [
    word('Setting', row => row.path),
    word('Runs as', row => row.value),
    word('In the file', row => row.inFile),
    word('Set by', row => row.setBy ?? ''),
    word('At', row => (row.setAt === null ? '' : time(row.setAt))),
  ]),
  blocks: tableOf('blocks-table', 'Refused at once', [
    word('Pool', row => row.pool),
    word('What', row => row.kind),
    long('Value', row => row.value),
    word('By', row => row.by),
    word('Until', row => (row.until === null ? 'taken back' : time(row.until))),
    {
      title: 'Take back',
      kind: 'button',
      text: () => 'Unblock',
      label: row => `Unblock ${row.kind} ${row.value} in ${row.pool}`,
      press: row => steering.unblock(row.id),
    },
  ]),
};

function heavy(title) {
  return [
    long(title, row => row.item),
    number('Share', row => percent(row.share)),
    number('Per second', row => count(row.perSecond)),
    number('Counted too many', row => count(row.error)),
  ];
}

function detailsOf(details) {
  const plain = Object.entries(details).filter(([, value]) => value !== null && value !== '');
  return plain
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(', ');
}

const plots = new Plots(element('plots'));
const chosen = element('chosen');
let overview = null;
/** CPU seconds of each process when they were last told. */
let cpu = new Map();

async function choosePool() {
  const pool = chosen.value;
  setText(element('pool-title'), `Pool ${pool}`);
  const history = await ask('history', { pool, span: '15m' });
  if (pool !== chosen.value) return;
  plots.begin(history);
  await Promise.all([askQuick(), askSlow()]);
}

function showOverview(next) {
  overview = next;
  const { version, pid, uptimeSeconds, workers, steered, pools } = next;
  const since = new Date(Date.now() - uptimeSeconds * 1000).toLocaleString('en-GB');
  setText(
    element('about'),
    `${version}, process ${pid} since ${since}, ${workers.serving} of ${workers.wanted} workers serve; ` +
      `${steered.settings} settings changed, ${steered.blocks} blocks`,
  );
  fill.pools(pools);
  const names = pools.map(({ pool }) => pool);
  if ([...chosen.options].map(({ value }) => value).join('\n') !== names.join('\n')) {
    const before = chosen.value;
    chosen.replaceChildren(...names.map(name => new Option(name, name)));
    if (names.includes(before)) chosen.value = before;
    choosePool();
    return;
  }
  const now = pools.find(({ pool }) => pool === chosen.value);
  if (now !== undefined) plots.add(now);
}

/** Asks for all of a list, in parts. */
async function askAll(path, name, query = {}) {
  const all = [];
  for (;;) {
    const part = await ask(path, { ...query, count: 1000, offset: all.length });
    if (part === null) return null;
    all.push(...part[name]);
    if (part[name].length === 0 || all.length >= part.total) return all;
  }
}

let servers = [];

async function askQuick() {
  const pool = chosen.value;
  const [ofPool, ring, workers] = await Promise.all([
    askAll('servers', 'servers', { pool }),
    ask('ring', { pool }),
    askAll('workers', 'workers'),
    askClients(),
  ]);
  if (ofPool !== null && pool === chosen.value) {
    const shares = sharesOf(ring, ofPool);
    const quickest = Math.min(...ofPool.filter(({ p50Us }) => p50Us > 0).map(({ p50Us }) => p50Us));
    servers = ofPool.map((each, i) => ({
      ...each,
      share: each.slots === null ? shares[i] : each.slots / 16_384,
      isSlow: each.p50Us > 5000 && each.p50Us > 5 * quickest,
    }));
    drawRing(element('ring'), ring, servers);
    showServers();
  }
  if (workers !== null) {
    const nowMs = performance.now();
    fill.workers(
      workers.map(each => {
        const before = cpu.get(each.pid);
        const share = before && Math.max(0, (each.cpuSeconds - before.seconds) / ((nowMs - before.atMs) / 1000));
        return { ...each, cpu: share ?? null };
      }),
    );
    cpu = new Map(workers.map(({ pid, cpuSeconds }) => [pid, { seconds: cpuSeconds, atMs: nowMs }]));
  }
}

function showServers() {
  const wanted = element('filter').value.toLowerCase();
  const found = servers.filter(each => `${each.server} ${each.address} ${each.state}`.toLowerCase().includes(wanted));
  const worst = found.sort((a, b) => isBad(b) - isBad(a) || b.isSlow - a.isSlow || b.p99Us - a.p99Us);
  const cut = found.length > SERVERS_MAX ? `, of which ${SERVERS_MAX} are shown` : '';
  setText(element('servers-note'), `${found.length} of ${servers.length} servers${cut}`);
  fill.servers(worst.slice(0, SERVERS_MAX));
}

async function askSlow() {
  const pool = chosen.value;
  const query = { pool, count: LIST_MAX };
  const [latency, slowlog, hotkeys, bigkeys, busyclients, commands, settings, blocks, reshard] = await Promise.all([
    ...['latency', 'slowlog', 'hotkeys', 'bigkeys', 'busyclients', 'commands'].map(path => ask(path, query)),
    ask('settings', { differs: 'true' }),
    ask('blocks'),
    ask('reshard'),
  ]);
  if (settings !== null) fill.settings(settings.settings);
  if (blocks !== null) fill.blocks(blocks.blocks);
  if (reshard !== null) showReshard(reshard.reshard);
  if (pool !== chosen.value) return;
  const windows = Object.entries(latency?.pools[0]?.total ?? {});
  fill.latency(
    windows.map(([name, figures]) => ({ window: name === 'start' ? 'all, since the start' : name, ...figures })),
  );
  if (slowlog !== null) fill.slowlog(slowlog.entries);
  const [hot, big, busy] = [hotkeys, bigkeys, busyclients].map(answer => answer?.pools[0]);
  if (hot) {
    fill.hotkeys(hot.keys);
    const one = hot.sampledOneIn;
    const note =
      one === 0 ? 'Nothing is sampled.' : `One request in ${one} of the last ${count(hot.coveredSeconds)} s.`;
    setText(element('hotkeys-note'), note);
  }
  if (big) {
    const kinds = [
      ['read', big.largestReads],
      ['written', big.largestWrites],
    ];
    fill.bigkeys(kinds.flatMap(([kind, list]) => list.slice(0, LIST_MAX / 2).map(each => ({ ...each, kind }))));
  }
  if (busy) fill.busyclients(busy.byRequests);
  if (commands !== null) fill.commands(commands.pools[0]?.commands ?? []);
}

/** Runs `task` again and again, not while nobody looks or the daemon is gone, and never twice at a time. */
async function every(pauseMs, task) {
  for (;;) {
    await new Promise(resolve => setTimeout(resolve, pauseMs));
    if (!document.hidden && isThere && overview !== null) await task();
  }
}

let isThere = false;

function showState(state, text) {
  isThere = state === 'live';
  document.body.classList.toggle('gone', state === 'gone');
  element('state').dataset.state = state;
  setText(element('state'), text);
  document.title = state === 'gone' ? 'Gone – Ringmaster' : 'Ringmaster';
}

chosen.addEventListener('change', choosePool);
element('filter').addEventListener('input', showServers);
const steering = steer(element('change'), element('answer'), {
  pool: () => chosen.value,
  onDone: () => Promise.all([askQuick(), askSlow()]),
});
const showReshard = reshardOf(element, steering.reshard);
const events = eventsOf(ask, fill.events);
const askClients = clientsOf(element, { pool: () => chosen.value, cut: id => steering.cut(id) });
listen({
  overview: showOverview,
  event: events.add,
  gone: sinceMs =>
    showState('gone', `The daemon does not answer since ${time(sinceMs)}. What is below is from then; trying again …`),
  back() {
    showState('live', 'Live');
    events.askAll();
    if (overview !== null) choosePool();
  },
});
every(QUICK_MS, askQuick);
every(SLOW_MS, askSlow);
every(SLOW_MS, events.askAgain);

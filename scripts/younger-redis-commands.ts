// What the published specifications do not say of commands younger than Redis 7.0, and the modules' families. Facts from
// redis.io/commands, valkey.io/commands and, for where the keys are, the commands of node-redis (@redis/client,
// @redis/bloom, @redis/json, @redis/time-series, @redis/search).

/** Where keys are: first, last (negative: from the end), step; or where their number stands, with the step of what follows. */
export type Keys =
  | readonly [first: number, last: number, step: number]
  | { readonly countAt: number; readonly step: number };

export interface YoungerCommand {
  readonly name: string;
  readonly arity: number;
  readonly flags: string;
  /** The ACL category beside those that the flags say. */
  readonly category: string;
  readonly keys: readonly Keys[];
  readonly isOfModule: boolean;
}

const ONE: Keys = [1, 1, 1];

/** `NAME arity`, … of one family whose commands have the same flags, category and keys. */
function family(
  names: string,
  flags: string,
  category: string,
  keys: readonly Keys[],
  isOfModule = false,
): YoungerCommand[] {
  return names
    .trim()
    .split(/\s*,\s*/)
    .map(each => {
      const [name, arity] = each.split(' ') as [string, string];
      return { name, arity: Number(arity), flags, category, keys, isOfModule };
    });
}

const module = (names: string, flags: string, category: string, keys: readonly Keys[]): YoungerCommand[] =>
  family(names, flags, category, keys, true);

const CORE: readonly YoungerCommand[] = [
  // Redis 8
  ...family('msetex -4', 'write denyoom movablekeys', 'string', [{ countAt: 1, step: 2 }]),
  ...family('sdiffcard -3, sunioncard -3', 'readonly movablekeys', 'set', [{ countAt: 1, step: 1 }]),
  ...family('himport -2, hotkeys -2, bless -2', '', '', []),
  ...family('himport|prepare -4, himport|discard 3, himport|discardall 2', 'denyoom', 'hash', []),
  ...family('himport|set -5', 'write denyoom', 'hash', [[2, 2, 1]]),
  ...family('hotkeys|get -2, hotkeys|reset 2, hotkeys|start -4, hotkeys|stop 2', 'admin noscript', '', []),
  ...family('bless|get 3', 'readonly', 'keyspace', [[2, 2, 1]]),
  ...family('bless|set -4, bless|clear -3', 'write', 'keyspace', [[2, 2, 1]]),
  ...family('bless|scan -4', 'readonly', 'keyspace', []),
  // Valkey 8.1 to 9.1
  ...family('delifeq 3', 'write fast', 'string', [ONE]),
  ...family('clusterscan -2', 'readonly', 'keyspace', []),
  ...family('commandlog -2', '', '', []),
  ...family('commandlog|get 4, commandlog|len 3, commandlog|reset 3, commandlog|help 2', 'admin loading stale', '', []),
  ...family('client|import-source 3', 'noscript loading stale', 'connection', []),
  ...family('cluster|migrateslots -7, cluster|cancelslotmigrations 2', 'admin stale', '', []),
  ...family('cluster|getslotmigrations 2', 'admin stale', '', []),
  ...family('cluster|migration -3', 'admin stale', '', []),
  ...family('script|show 3', 'noscript', 'scripting', []),
];

const JSON_COMMANDS: readonly YoungerCommand[] = [
  ...module(
    `json.get -2, json.arrindex -4, json.arrlen -2, json.objkeys -2, json.objlen -2, json.strlen -2, json.type -2,
     json.resp -2`,
    'readonly module',
    'json',
    [ONE],
  ),
  ...module(
    `json.set -4, json.arrappend -4, json.arrinsert -5, json.arrpop -2, json.arrtrim 5, json.clear -2, json.del -2,
     json.forget -2, json.merge 4, json.numincrby 4, json.nummultby 4, json.numpowby 4, json.strappend -3, json.toggle 3`,
    'write denyoom module',
    'json',
    [ONE],
  ),
  ...module('json.mget -3', 'readonly module', 'json', [[1, -2, 1]]),
  ...module('json.mset -4', 'write denyoom module', 'json', [[1, -1, 3]]),
  ...module('json.debug -2', 'readonly module', 'json', [[2, 2, 1]]),
];

const PROBABILISTIC: readonly YoungerCommand[] = [
  ...module('bf.card 2, bf.exists 3, bf.info -2, bf.mexists -3, bf.scandump 3', 'readonly module', 'bloom', [ONE]),
  ...module(
    'bf.add 3, bf.insert -4, bf.loadchunk 4, bf.load 3, bf.madd -3, bf.reserve -4',
    'write denyoom module',
    'bloom',
    [ONE],
  ),
  ...module(
    'cf.count 3, cf.exists 3, cf.info 2, cf.mexists -3, cf.scandump 3, cf.compact -2',
    'readonly module',
    'cuckoo',
    [ONE],
  ),
  ...module(
    'cf.add 3, cf.addnx 3, cf.del 3, cf.insert -4, cf.insertnx -4, cf.loadchunk 4, cf.reserve -3',
    'write denyoom module',
    'cuckoo',
    [ONE],
  ),
  ...module('cms.info 2, cms.query -3', 'readonly module', 'cms', [ONE]),
  ...module('cms.incrby -4, cms.initbydim 4, cms.initbyprob 4', 'write denyoom module', 'cms', [ONE]),
  ...module('cms.merge -4', 'write denyoom module movablekeys', 'cms', [ONE, { countAt: 2, step: 1 }]),
  ...module('topk.count -3, topk.info 2, topk.list -2, topk.query -3', 'readonly module', 'topk', [ONE]),
  ...module('topk.add -3, topk.incrby -4, topk.reserve -3', 'write denyoom module', 'topk', [ONE]),
  ...module(
    `tdigest.byrank -3, tdigest.byrevrank -3, tdigest.cdf -3, tdigest.info 2, tdigest.max 2, tdigest.min 2,
     tdigest.quantile -3, tdigest.rank -3, tdigest.revrank -3, tdigest.trimmed_mean 4`,
    'readonly module',
    'tdigest',
    [ONE],
  ),
  ...module('tdigest.add -3, tdigest.create -2, tdigest.reset 2', 'write denyoom module', 'tdigest', [ONE]),
  ...module('tdigest.merge -4', 'write denyoom module movablekeys', 'tdigest', [ONE, { countAt: 2, step: 1 }]),
];

const TIME_SERIES: readonly YoungerCommand[] = [
  ...module('ts.get -2, ts.info -2, ts.range -4, ts.revrange -4', 'readonly module', 'timeseries', [ONE]),
  ...module('ts.nrange -5, ts.nrevrange -5', 'readonly module movablekeys', 'timeseries', [{ countAt: 1, step: 1 }]),
  ...module(
    'ts.add -4, ts.alter -2, ts.create -2, ts.decrby -3, ts.del 4, ts.incrby -3',
    'write denyoom module',
    'timeseries',
    [ONE],
  ),
  ...module('ts.madd -4', 'write denyoom module', 'timeseries', [[1, -1, 3]]),
  ...module('ts.createrule -6, ts.deleterule 3', 'write denyoom module', 'timeseries', [[1, 2, 1]]),
  ...module(
    'ts.mget -3, ts.mrange -4, ts.mrevrange -4, ts.queryindex -2, ts.querylabels -3',
    'readonly module',
    'timeseries',
    [],
  ),
];

/** Indexes are a server's own: only suggestions are kept under a key. */
const SEARCH: readonly YoungerCommand[] = [
  ...module('ft.sugget -3, ft.suglen 2', 'readonly module', 'search', [ONE]),
  ...module('ft.sugadd -4, ft.sugdel 3', 'write denyoom module', 'search', [ONE]),
  ...module(
    `ft._list 1, ft.aggregate -3, ft.aliaslist 2, ft.cursor -4, ft.dictdump 2, ft.explain -3, ft.explaincli -3, ft.hybrid -3,
     ft.info -2, ft.profile -5, ft.search -3, ft.spellcheck -3, ft.syndump 2, ft.tagvals 3`,
    'readonly module',
    'search',
    [],
  ),
  ...module(
    `ft.aliasadd 3, ft.aliasdel 2, ft.aliasupdate 3, ft.alter -5, ft.create -4, ft.dictadd -3, ft.dictdel -3,
     ft.dropindex -2, ft.synupdate -4`,
    'write denyoom module',
    'search',
    [],
  ),
  ...module('ft.config -3', 'admin module', 'search', []),
];

export const YOUNGER_COMMANDS: readonly YoungerCommand[] = [
  ...CORE,
  ...JSON_COMMANDS,
  ...PROBABILISTIC,
  ...TIME_SERIES,
  ...SEARCH,
];

// The texts that several servers answer to INFO, made one. A field on which they agree stays; counts and sizes are added up;
// of some the smallest or the largest counts. A field on which they differ and of which nothing sensible can be said is left out.

type Merge = (values: readonly string[]) => string;

const sum: Merge = values => String(values.reduce((total, value) => total + Number(value), 0));
const smallest: Merge = values => String(Math.min(...values.map(Number)));
const largest: Merge = values => String(Math.max(...values.map(Number)));
/** Of versions, by their numbers. */
const lowest: Merge = values => [...values].sort(compareVersions)[0]!;

/** By the field's name; the first that fits. */
const RULES: readonly (readonly [RegExp, Merge])[] = [
  [/_version$/, lowest],
  [/^(?:uptime_in_(?:seconds|days)|master_last_io_seconds_ago)$/, smallest],
  [/^(?:loading|async_loading|rdb_bgsave_in_progress|aof_rewrite_in_progress|lru_clock)$/, largest],
  [/^client_recent_max_/, largest],
  [/^(?:used_|mem_|total_|maxmemory$|maxclients$|allocator_(?!.*_ratio)|rss_overhead_bytes$|number_of_)/, sum],
  [/^(?:connected_|blocked_|tracking_|pubsub|watching_|clients_|evicted_|expired_(?!stale_perc)|keyspace_)/, sum],
  [/^(?:instantaneous_|rejected_|acl_|sync_|migrate_|active_defrag_(?!running)|unexpected_|dump_payload_|io_)/, sum],
  [/^(?:rdb_changes_since_last_save|lazyfree|lazyfreed|evict|reply_buffer_|current_|slowlog_|tot)/, sum],
];
/** Named after a sum, in words that are made anew. */
const HUMAN = /_human$/;
/** `db0:keys=1,expires=0,avg_ttl=0`, `cmdstat_get:calls=2,…`, `errorstat_ERR:count=1`. */
const PARTED = /^(?:db\d+|cmdstat_.+|errorstat_.+)$/;

/** Sections and fields come in the order in which the servers have them. */
export function mergeInfo(texts: readonly string[]): string {
  const sections = new Map<string, Map<string, string[]>>();
  for (const text of texts) readInto(sections, text);
  return [...sections].map(([name, fields]) => sectionText(name, fields, texts.length)).join('\r\n');
}

function readInto(sections: Map<string, Map<string, string[]>>, text: string): void {
  let fields: Map<string, string[]> | undefined;
  for (const line of text.split('\r\n')) {
    if (line.startsWith('# ')) {
      const name = line.slice(2);
      fields = sections.get(name) ?? new Map<string, string[]>();
      sections.set(name, fields);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon <= 0 || fields === undefined) continue;
    const field = line.slice(0, colon);
    const values = fields.get(field);
    if (values === undefined) fields.set(field, [line.slice(colon + 1)]);
    else values.push(line.slice(colon + 1));
  }
}

function sectionText(name: string, fields: ReadonlyMap<string, readonly string[]>, servers: number): string {
  const lines = [`# ${name}`];
  const merged = new Map<string, string>();
  for (const [field, values] of fields) {
    const source = field.replace(HUMAN, '');
    const sizeBytes = HUMAN.test(field) ? merged.get(source) : undefined;
    const value = sizeBytes === undefined ? mergedValue(field, values, servers) : humanSize(Number(sizeBytes));
    if (value === null) continue;
    merged.set(field, value);
    lines.push(`${field}:${value}`);
  }
  return `${lines.join('\r\n')}\r\n`;
}

/** Null: the servers differ. */
function mergedValue(field: string, values: readonly string[], servers: number): string | null {
  // A pool answers as what it is, when some of its servers are replicas and some are not.
  if (field === 'role') return values.every(value => value === values[0]) ? values[0]! : 'master';
  if (PARTED.test(field)) return partedSum(values);
  const isNumber = values.every(value => /^-?\d+(?:\.\d+)?$/.test(value));
  const rule = RULES.find(([pattern]) => pattern.test(field));
  if (rule !== undefined && (isNumber || rule[1] === lowest)) return tidy(rule[1](values));
  const isSame = values.length === servers && values.every(value => value === values[0]);
  return isSame ? values[0]! : null;
}

/** `a=1,b=2` and `a=3,b=4`: `a=4,b=6`; averages are those of the servers, by their keys or calls. */
function partedSum(values: readonly string[]): string {
  const totals = new Map<string, number>();
  let weights = 0;
  for (const value of values) {
    const parts = value.split(',').map(part => part.split('=') as [string, string]);
    const weight = Number(parts[0]?.[1] ?? 0);
    weights += weight;
    for (const [name, number] of parts) {
      totals.set(name, (totals.get(name) ?? 0) + Number(number) * (isAverage(name) ? weight : 1));
    }
  }
  return [...totals]
    .map(([name, total]) => {
      if (!isAverage(name)) return `${name}=${total}`;
      const mean = weights === 0 ? 0 : total / weights;
      return `${name}=${name === 'avg_ttl' ? Math.round(mean) : mean.toFixed(2)}`;
    })
    .join(',');
}

function isAverage(name: string): boolean {
  return name === 'avg_ttl' || name === 'usec_per_call';
}

/** Sums of fractions have as many digits as the servers write. */
function tidy(text: string): string {
  return /\.\d{7,}$/.test(text) ? Number(text).toFixed(6) : text;
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map(version => version.split('.').map(Number));
  for (let i = 0; i < Math.max(left!.length, right!.length); i++) {
    const difference = (left![i] ?? 0) - (right![i] ?? 0);
    if (difference !== 0 && !Number.isNaN(difference)) return difference;
  }
  return 0;
}

/** As Redis's bytesToHuman. */
function humanSize(sizeBytes: number): string {
  const units = ['K', 'M', 'G', 'T', 'P'];
  if (sizeBytes < 1024) return `${sizeBytes}B`;
  let size = sizeBytes / 1024;
  let unit = 0;
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
  return `${size.toFixed(2)}${units[unit]}`;
}

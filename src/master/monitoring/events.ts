import { type Log, logThrough } from '../../system/log.ts';

/** What is worth remembering, by the words that the log has for it; the name stands in the log, too, as `event`. */
export const EVENT_NAMES: ReadonlyMap<string, string> = new Map([
  ['ringmaster is ready', 'ready'],
  ['ringmaster drains', 'draining'],
  ['configuration reloaded: every worker has it', 'reloaded'],
  ['not reloaded: nothing has changed', 'reload_refused'],
  ['reloaded, but not everywhere', 'reload_incomplete'],
  ['reload: what was set is kept', 'setting_kept'],
  ['reload: the file wins over what was set', 'setting_overruled'],
  ['setting changed', 'setting_changed'],
  ['not set: nothing has changed', 'set_refused'],
  ['set, but not everywhere', 'set_incomplete'],
  ['settings saved', 'settings_saved'],
  ['certificates renewed: every worker has them', 'certificates_renewed'],
  ['certificates of the admin server renewed', 'certificates_renewed'],
  ['certificates not renewed: the old ones stay', 'certificates_refused'],
  ['certificates not renewed: tried again soon', 'certificates_refused'],
  ['log level changed', 'log_level_changed'],
  ['blocked', 'blocked'],
  ['unblocked', 'unblocked'],
  ['client cut off by hand', 'client_cut'],
  ['over a limit', 'limited'],
  ['within its limits again', 'limit_over'],
  ['wrong passwords of one address', 'wrong_passwords'],
  ['server ejected', 'server_ejected'],
  ['server readmitted', 'server_readmitted'],
  ['server ejected by hand', 'server_ejected_by_hand'],
  ['server drained by hand', 'server_drained_by_hand'],
  ['server readmitted by hand', 'server_readmitted_by_hand'],
  ['server is down: health checks failed, it is out of the ring', 'server_down'],
  ['server is up again: health checks succeed, it is back in the ring', 'server_up'],
  ['server is down: health checks failed, and its place is its own until another is found', 'server_down'],
  ['server is up again: health checks succeed', 'server_up'],
  ['sentinel: fail-over, another server is the master', 'failed_over'],
  ['reshard started', 'reshard_started'],
  ['reshard not started', 'reshard_refused'],
  ['reshard joined', 'reshard_joined'],
  ['reshard goes on', 'reshard_phase'],
  ['reshard taken up again', 'reshard_taken_up'],
  ['reshard leaves keys that are too big for a step', 'reshard_keys_left'],
  ['mover died; another takes its place', 'mover_died'],
  ['reshard done: every proxy has the new ring', 'reshard_done'],
  ['reshard ended: every proxy has the old ring', 'reshard_undone'],
  ['replica is left out', 'replica_out'],
  ['replica is read from', 'replica_in'],
  ['cluster: fail-over, a replica is a primary now', 'failed_over'],
  ['cluster topology changed', 'topology_changed'],
  ['worker serves', 'worker_serves'],
  ['worker left', 'worker_left'],
  ['worker died; another takes its place', 'worker_died'],
  ['worker hangs: it reports nothing; it is killed', 'worker_hangs'],
  ['all workers were replaced', 'workers_replaced'],
  ['not all workers were replaced', 'restart_incomplete'],
]);

const KEPT = 1000;
/** A reload may name thousands of servers: of a larger one only the plain values are kept. */
const DETAILS_MAX_LENGTH = 2000;

export interface RingmasterEvent {
  /** Counts from 1. */
  readonly id: number;
  /** ISO 8601. */
  readonly at: string;
  readonly event: string;
  readonly level: 'info' | 'warn' | 'error';
  /** The words of the log. */
  readonly message: string;
  /** As in the log. */
  readonly details: object;
}

export interface EventCount {
  readonly count: number;
  readonly lastAtMs: number;
}

/** The newest 1,000 events. */
export class Events {
  private readonly kept: RingmasterEvent[] = [];
  private last = 0;
  private readonly counted = new Map<string, EventCount>();
  private readonly onEvent: (event: RingmasterEvent) => void;

  constructor(onEvent: (event: RingmasterEvent) => void) {
    this.onEvent = onEvent;
  }

  /** `log`, of which what is an event is also kept here. */
  from(log: Log): Log {
    return logThrough(log, (level, fields, message) => {
      const event = EVENT_NAMES.get(message);
      if (event === undefined) {
        log[level](fields, message);
        return;
      }
      log[level]({ event, ...fields }, message);
      this.add(event, level, message, fields);
    });
  }

  /** Goes on with those of another process, given as `list` does. */
  restore(events: readonly RingmasterEvent[]): void {
    const later = this.kept.splice(0);
    for (const event of [...events].reverse()) this.kept.push(event);
    this.last = Math.max(this.last, ...events.map(({ id }) => id), 0);
    for (const event of later) this.keep({ ...event, id: ++this.last });
  }

  /** The newest first. `since`: only those after that one. */
  list(since = 0): readonly RingmasterEvent[] {
    return this.kept.filter(({ id }) => id > since).reverse();
  }

  /** How often each has happened, and when last, since the start. */
  counts(): ReadonlyMap<string, EventCount> {
    return this.counted;
  }

  private add(event: string, level: RingmasterEvent['level'], message: string, fields: object): void {
    const isSmall = JSON.stringify(fields).length <= DETAILS_MAX_LENGTH;
    const details = isSmall ? fields : Object.fromEntries(Object.entries(fields).filter(([, value]) => isPlain(value)));
    const entry = { id: ++this.last, at: new Date().toISOString(), event, level, message, details };
    this.keep(entry);
    const { count } = this.counted.get(event) ?? { count: 0 };
    this.counted.set(event, { count: count + 1, lastAtMs: Date.now() });
    this.onEvent(entry);
  }

  private keep(entry: RingmasterEvent): void {
    this.kept.push(entry);
    if (this.kept.length > KEPT) this.kept.shift();
  }
}

const isPlain = (value: unknown): boolean =>
  typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && value.length <= 200);

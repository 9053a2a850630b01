import { spawn } from 'node:child_process';
import { hasDatagrams, sendDatagram } from '../system/datagram.ts';

/** The least that systemd may ask for. */
const WATCHDOG_MIN_MS = 100;

export interface ServiceManagerOptions {
  readonly env: NodeJS.ProcessEnv;
  /** A line on how things are, shown by `systemctl status`. */
  readonly status: () => string;
  /** For tests. */
  readonly send?: (socket: string, state: string) => void;
}

/**
 * Tells systemd how far this process is, by the protocol of sd_notify(3): a datagram of lines to the socket that the
 * environment names. Nothing where it names none.
 */
export class ServiceManager {
  private socket: string | null;
  /** What the environment said; a successor needs it, too. */
  private readonly given: NodeJS.ProcessEnv;
  private readonly watchdogMs: number | null;
  private readonly options: ServiceManagerOptions;
  private timer: NodeJS.Timeout | null = null;
  private reloads = 0;
  /** Between `ready` and `stopping`. */
  private isUp = false;

  /** Takes its variables out of `env`: workers are not to speak for the service. */
  constructor(options: ServiceManagerOptions) {
    const { env } = options;
    const { NOTIFY_SOCKET = '', WATCHDOG_USEC, WATCHDOG_PID } = env;
    this.options = options;
    this.socket = /^[/@]/.test(NOTIFY_SOCKET) ? NOTIFY_SOCKET : null;
    const isMeant = WATCHDOG_PID === undefined || WATCHDOG_PID === String(process.pid);
    const limitMs = Number(WATCHDOG_USEC) / 1000;
    this.watchdogMs = isMeant && limitMs > 0 && Number.isFinite(limitMs) ? limitMs : null;
    this.given = { NOTIFY_SOCKET: env.NOTIFY_SOCKET, WATCHDOG_USEC };
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name];
  }

  /** Every listener accepts. */
  ready(): void {
    this.isUp = true;
    this.tell('READY=1', `MAINPID=${process.pid}`, `STATUS=${this.options.status()}`);
    if (this.socket === null || this.watchdogMs === null) return;
    // Half of the limit, as sd_watchdog_enabled(3) recommends. A turn of the event loop is what it proves.
    const everyMs = Math.max(WATCHDOG_MIN_MS, this.watchdogMs) / 2;
    this.timer = setInterval(() => this.tell('WATCHDOG=1', `STATUS=${this.options.status()}`), everyMs).unref();
  }

  /** Runs `reload`, however it ends, between the words for its beginning and its end. */
  async reloading<T>(reload: () => Promise<T>): Promise<T> {
    if (this.reloads++ === 0 && this.isUp) {
      this.tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
    }
    try {
      return await reload();
    } finally {
      if (--this.reloads === 0 && this.isUp) this.tell('READY=1', `STATUS=${this.options.status()}`);
    }
  }

  /** What a process needs that is to speak for the service after this one. */
  get environment(): NodeJS.ProcessEnv {
    return Object.fromEntries(Object.entries(this.given).filter(([, value]) => value !== undefined));
  }

  /** Another process speaks for the service from now on, and this one does no more. */
  handOver(pid: number): void {
    this.tell(`MAINPID=${pid}`, 'READY=1');
    this.close();
    this.isUp = false;
    this.socket = null;
  }

  stopping(): void {
    this.isUp = false;
    this.tell('STOPPING=1', 'STATUS=drains');
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private tell(...lines: string[]): void {
    if (this.socket === null) return;
    (this.options.send ?? send)(this.socket, lines.join('\n'));
  }
}

/** Without node:ffi by systemd's own program, which the unit has to permit: NotifyAccess=all. */
function send(socket: string, state: string): void {
  if (hasDatagrams) {
    sendDatagram(socket, state);
    return;
  }
  const env = { ...process.env, NOTIFY_SOCKET: socket };
  const child = spawn('systemd-notify', state.split('\n'), { env, stdio: 'ignore' });
  child.on('error', () => {});
  child.unref();
}

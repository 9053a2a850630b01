import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ToWorker } from '../../ipc/messages.ts';
import type { Log } from '../../system/log.ts';
import type { BoundHandle } from '../../system/server-handle.ts';
import { VERSION } from '../../system/version.ts';
import { RefusedError } from '../errors.ts';
import type { LeaseMessage, PlaceMessage, QuotaWorker } from '../limits/connection-quotas.ts';
import type { LeftRate, LentMessage, ShareMessage } from '../limits/rate-leases.ts';
import { complaintOf } from './failed-program.ts';
import { type FromSuccessor, HANDOVER_FORMAT, type Handover, type ToSuccessor } from './handover.ts';
import { placeMessage } from './place-messages.ts';
import { shareMessage } from './share-messages.ts';
import { TAKEOVER_MARK } from './takeover.ts';

export const UPGRADE_WITHIN_MS = 30_000;
/** A successor that failed drains what it has accepted by then; after that it is killed. */
const FAILED_END_MS = 5000;
/** Among the numbers of workers, which are above 0. */
const SUCCESSOR_ID = -1;
/** Rates that are told of in one message. */
const LEFT_AT_ONCE = 256;
/** The new master takes them in this time, or does without them. */
const LEFT_WITHIN_MS = 3000;

export interface UpgradeHost {
  readonly log: Log;
  /** Runs `change` when other changes of the workers are done. */
  inTurn<T>(change: () => Promise<T>): Promise<T>;
  /** Throws a RefusedError. */
  refuseUnlessRunning(): void;
  /** What there is to hand over, and the handles that it speaks of. */
  handover(): { readonly handover: Handover; readonly handles: readonly BoundHandle[] };
  /** Of the pid file, where a child could not open it by its name; null: it can, or there is none. */
  pidFile(): number | null;
  /** Of the service manager, which a child does not get by itself. */
  serviceEnvironment(): NodeJS.ProcessEnv;
  /** The successor asks for places for connections, or gives some back. */
  onPlaces(successor: QuotaWorker, message: PlaceMessage): void;
  /** Likewise for parts of rates. */
  onShares(successor: QuotaWorker, message: ShareMessage): void;
  /** It is gone, or has none of this master's any more. */
  onLeft(successor: QuotaWorker): void;
  /** The successor serves: this master gives up what it has. */
  onHandedOver(pid: number): void;
}

export interface UpgradeRequest {
  /** The program's main file; by default the path that this one was started by. */
  readonly exec?: string;
  readonly timeoutMs?: number;
}

export interface UpgradeResult {
  readonly pid: number;
  readonly oldPid: number;
  readonly version: string;
  readonly oldVersion: string;
  readonly tookMs: number;
}

/** Has a new master take this one's place, of another version perhaps; see `Handover`. */
export class Upgrade {
  /** A successor has been started, and does not serve yet. */
  isUnderWay = false;
  private readonly host: UpgradeHost;
  private successor: ChildProcess | null = null;

  constructor(host: UpgradeHost) {
    this.host = host;
  }

  /**
   * Resolves when the new master serves, and this one is about to drain. Rejects with a RefusedError when it does not
   * come to that within `timeoutMs`: then nothing has changed. `by`: who asked.
   */
  run(by: string, { exec, timeoutMs = UPGRADE_WITHIN_MS }: UpgradeRequest): Promise<UpgradeResult> {
    const { host } = this;
    return host
      .inTurn(async () => {
        host.refuseUnlessRunning();
        if (process.pid === 1) {
          throw new RefusedError(
            'this is the first process of a container, which ends with it; let the orchestrator start another beside it',
          );
        }
        const startedAtMs = performance.now();
        const program = exec === undefined ? path.resolve(process.argv[1] ?? '') : programAt(exec);
        const child = this.start(program);
        this.isUnderWay = true;
        const version = await this.conduct(child, program, timeoutMs).finally(() => {
          this.isUnderWay = false;
        });
        const tookMs = Math.round(performance.now() - startedAtMs);
        const pid = child.pid as number;
        host.log.warn({ by, successor: pid, version, oldVersion: VERSION, tookMs }, 'upgraded: a new master serves');
        this.successor = child;
        host.onHandedOver(pid);
        return { pid, oldPid: process.pid, version, oldVersion: VERSION, tookMs };
      })
      .catch(error => {
        host.log.error({ by, reason: error.message }, 'not upgraded: nothing has changed');
        throw error;
      });
  }

  /** Tells the new master what is left of rates, for the last time; resolves when it is on its way, or the new one hangs. */
  async leave(rates: readonly LeftRate[]): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, LEFT_WITHIN_MS);
    await Promise.race([this.tellLeft(rates), late]);
    clearTimeout(timer);
  }

  private async tellLeft(rates: readonly LeftRate[]): Promise<void> {
    for (let from = 0; from === 0 || from < rates.length; from += LEFT_AT_ONCE) {
      const some = rates.slice(from, from + LEFT_AT_ONCE);
      await said(this.successor, { type: 'left', rates: some, isLast: from + LEFT_AT_ONCE >= rates.length });
    }
  }

  /** The program that is at this path now, with the same flags. */
  private start(program: string): ChildProcess {
    const flags = process.argv.slice(2);
    const pidFile = this.host.pidFile();
    return spawn(process.execPath, [...process.execArgv, program, ...flags], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...(pidFile === null ? [] : [pidFile])],
      env: { ...process.env, ...this.host.serviceEnvironment(), [TAKEOVER_MARK]: '1' },
    });
  }

  /** The version of the child, once it serves. Else it has ended. */
  private async conduct(child: ChildProcess, program: string, timeoutMs: number): Promise<string> {
    /** Null: it has not said yet what it can read, and was handed nothing. */
    let version: string | null = null;
    let timer: NodeJS.Timeout | undefined;
    const successor: QuotaWorker = {
      id: SUCCESSOR_ID,
      isSuccessor: true,
      send: message => lease(child, message),
    };
    child.once('disconnect', () => this.host.onLeft(successor));
    const served = new Promise<string>((resolve, reject) => {
      const refuse = (why: string) => reject(new RefusedError(why));
      timer = setTimeout(() => refuse(`the new master does not serve after ${timeoutMs} ms`), timeoutMs);
      child.on('error', error => refuse(`the new master does not start: ${error.message}`));
      child.on('exit', async (code, signal) => {
        clearTimeout(timer);
        const complaint = version === null && signal === null ? await complaintOf(program) : null;
        const why = `the new master ended while it started: ${signal ?? `exit code ${code}`}`;
        refuse(complaint === null ? why : `${why}: ${complaint}`);
      });
      child.on('message', raw => {
        const message = (raw ?? {}) as FromSuccessor;
        if (message.type === 'places') {
          const about = placeMessage(message.message);
          if (about !== null) this.host.onPlaces(successor, about);
        } else if (message.type === 'shares') {
          const about = shareMessage(message.message);
          if (about !== null) this.host.onShares(successor, about);
        } else if (message.type === 'failed') refuse(`the new master can't serve: ${message.message}`);
        else if (message.type === 'ready' && version !== null) resolve(version);
        else if (message.type === 'hello' && message.format === HANDOVER_FORMAT && version === null) {
          version = String(message.version);
          this.hand(child, refuse);
        } else {
          const which = message.type === 'hello' ? ` (version ${message.version})` : '';
          refuse(`the new master${which} takes over in a way that this one does not know`);
        }
      });
    });
    try {
      return await served.finally(() => clearTimeout(timer));
    } catch (error) {
      await end(child);
      throw error;
    }
  }

  private hand(child: ChildProcess, refuse: (why: string) => void): void {
    const { handover, handles } = this.host.handover();
    const send = (message: ToSuccessor, handle?: BoundHandle) => {
      child.send(message, handle as never, error => {
        if (error) refuse(`the new master can't be told: ${error.message}`);
      });
    };
    for (const handle of handles) send({ type: 'handle' }, handle);
    send(handover);
  }
}

/**
 * The main file of a Ringmaster that nobody but root and this user could have put there: who may ask for an upgrade must not get
 * to run just anything. Throws a RefusedError.
 */
function programAt(file: string): string {
  const refuse = (why: string): never => {
    throw new RefusedError(`${file} is not run: ${why}`);
  };
  let at: string;
  try {
    at = realpathSync(path.resolve(file));
    for (let each = at; ; each = path.dirname(each)) {
      const { uid, mode } = statSync(each);
      const isSticky = (mode & 0o1000) !== 0;
      if (uid !== 0 && uid !== process.geteuid?.()) refuse(`${each} belongs to another user`);
      if ((mode & 0o022) !== 0 && !isSticky) refuse(`others may write to ${each}`);
      if (each === path.dirname(each)) break;
    }
    const manifest = path.join(path.dirname(at), '../package.json');
    if (JSON.parse(readFileSync(manifest, 'utf8')).name !== 'ringmaster') refuse('it is no Ringmaster');
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    return refuse((error as Error).message);
  }
  return at;
}

/** What a worker would be told. */
function lease(child: ChildProcess, message: ToWorker): boolean {
  const isOfRate = message.type === 'share' || message.type === 'recallShare';
  void said(
    child,
    isOfRate
      ? { type: 'shares', message: message as LentMessage }
      : { type: 'places', message: message as LeaseMessage },
  );
  return child.connected;
}

function said(child: ChildProcess | null, message: ToSuccessor): Promise<void> {
  return new Promise(resolve => {
    if (child?.connected) child.send(message, () => resolve());
    else resolve();
  });
}

/** What it has accepted it answers first. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const timer = setTimeout(() => child.kill('SIGKILL'), FAILED_END_MS);
  child.kill('SIGTERM');
  await once(child, 'exit');
  clearTimeout(timer);
}

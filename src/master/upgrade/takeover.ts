import { addressText, type HostPort } from '../../config/address.ts';
import { type Overridden, reloadedOverrides } from '../../config/changes/overrides.ts';
import type { Config } from '../../config/config.ts';
import type { BoundHandle } from '../../system/server-handle.ts';
import { VERSION } from '../../system/version.ts';
import type { ConnectionQuotas } from '../limits/connection-quotas.ts';
import type { RateLeases } from '../limits/rate-leases.ts';
import {
  type FromSuccessor,
  HANDOVER_FORMAT,
  type HandedState,
  type Handover,
  RATES_FORMAT,
  type ToSuccessor,
} from './handover.ts';
import { leaseMessage } from './place-messages.ts';
import { leftRates, lentMessage } from './share-messages.ts';

/** Tells a process that it is to take the place of the one that started it. */
export const TAKEOVER_MARK = 'RINGMASTER_TAKEOVER';

/** Whether this process was started to take another's place. */
export const isSuccessor: boolean = process.env[TAKEOVER_MARK] === '1' && process.send !== undefined;
// What it starts is not itself one.
delete process.env[TAKEOVER_MARK];

/** The new master's end of an upgrade; see `Handover`. */
export class Takeover {
  readonly handover: Handover;
  readonly handles: readonly BoundHandle[];
  /** The sockets are this process's to close; until then they are the old master's, too. */
  isDone = false;
  /** Resolves when the old master has nothing any more that counts here. */
  private readonly left: Promise<void>;

  /** Resolves when all that the old master hands over is here. Rejects with an Error when it can't be understood. */
  static receive(): Promise<Takeover> {
    const handles: BoundHandle[] = [];
    return new Promise((resolve, reject) => {
      const gone = () => reject(new Error('the master to be replaced ended before it had handed over'));
      const receive = (raw: unknown, handle: unknown) => {
        const message = raw as ToSuccessor;
        if (message.type === 'handle') {
          handles.push(handle as BoundHandle);
          return;
        }
        process.off('message', receive);
        process.off('disconnect', gone);
        if (message.type === 'handover' && message.format === HANDOVER_FORMAT) resolve(new Takeover(message, handles));
        else {
          const { format } = message as Partial<Handover>;
          reject(new Error(`the master to be replaced speaks format ${format}, this one ${HANDOVER_FORMAT}`));
        }
      };
      process.on('message', receive);
      process.once('disconnect', gone);
      tell({ type: 'hello', format: HANDOVER_FORMAT, version: VERSION });
    });
  }

  private constructor(handover: Handover, handles: readonly BoundHandle[]) {
    this.handover = handover;
    this.handles = handles;
    const isBound = handover.leasesPlaces === true && process.connected;
    this.left = isBound ? new Promise(resolve => process.once('disconnect', resolve)) : Promise.resolve();
  }

  /** Resolves when the old master has ended, or hangs, within so long. */
  async untilLeft(withinMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, withinMs);
    await Promise.race([this.left, promise]);
    clearTimeout(timer);
  }

  get state(): HandedState {
    return this.handover.state;
  }

  /** Of a server of the old master's own that listens just there; null: none does. */
  serverHandle(address: HostPort | { readonly path: string }): object | null {
    const found = this.handover.servers.find(({ wanted }) => addressText(wanted) === addressText(address));
    return found === undefined ? null : (this.handles[found.handle] as object);
  }

  /** What was set while the old master ran, on top of the file as it is now, as after a reload. */
  settings(file: Config): Overridden {
    const { file: before, overrides } = this.state.settings;
    const old = { file: before, overrides: new Map(overrides.map(each => [each.path, each])), config: before };
    try {
      return reloadedOverrides(old, file).after;
    } catch {
      // Of a version with other settings.
      return { file, overrides: new Map(), config: file };
    }
  }

  /** The clients of the old master count, too: it leases places to this one until it ends. */
  sharePlaces(quotas: ConnectionQuotas): void {
    if (this.handover.leasesPlaces !== true || !process.connected) return;
    quotas.follow({ send: message => tell({ type: 'places', message }) });
    process.once('disconnect', () => quotas.loseSource());
    process.on('message', raw => {
      const { type, message } = raw as { readonly type: unknown; readonly message: unknown };
      const lease = type === 'places' ? leaseMessage(message) : null;
      if (lease !== null) quotas.receiveFromSource(lease);
    });
  }

  /** What the old master's workers use of rates counts, too: it leases the rest to this one, and leaves it what there is as it ends. */
  shareRates(leases: RateLeases): void {
    if (this.handover.leasesRates !== RATES_FORMAT || !process.connected) return;
    leases.follow({ send: message => tell({ type: 'shares', message }) });
    process.once('disconnect', () => leases.loseSource(false));
    process.on('message', raw => {
      const { type, message, rates, isLast } = raw as Readonly<Record<string, unknown>>;
      const lent = type === 'shares' ? lentMessage(message) : null;
      if (lent !== null) leases.receiveFromSource(lent);
      if (type !== 'left') return;
      leases.inherit(leftRates(rates));
      if (isLast === true) leases.loseSource(true);
    });
  }

  /** All workers serve: the old master may go. */
  done(): void {
    this.isDone = true;
    tell({ type: 'ready' }, () => {
      if (this.handover.leasesPlaces !== true && process.connected) process.disconnect?.();
    });
  }

  /** Resolves when the old master knows, or is gone. */
  failed(message: string): Promise<void> {
    return new Promise(resolve => tell({ type: 'failed', message }, resolve));
  }
}

function tell(message: FromSuccessor, onSent: () => void = () => {}): void {
  if (process.connected) process.send?.(message, undefined, {}, () => onSent());
  else onSent();
}

import type { HostPort } from '../../config/address.ts';
import type { PoolConfig } from '../../config/config.ts';
import type { Log } from '../../system/log.ts';
import type { BoundHandle } from '../../system/server-handle.ts';
import type { Blocks } from '../blocks.ts';
import type { ClientMatters } from '../clients/client-matters.ts';
import type { LiveConfig } from '../configuration/live-config.ts';
import { RefusedError } from '../errors.ts';
import type { MasterLog } from '../master-log.ts';
import type { Events } from '../monitoring/events.ts';
import type { Monitoring } from '../monitoring/monitoring.ts';
import { PidFile } from '../pid-file.ts';
import type { ServerVerdicts } from '../servers/server-verdicts.ts';
import type { ServiceManager } from '../service-manager.ts';
import type { SocketTable } from '../socket-table.ts';
import { HANDOVER_FORMAT, type Handover, PID_FILE_DESCRIPTOR, RATES_FORMAT } from './handover.ts';
import type { Takeover } from './takeover.ts';
import { Upgrade, type UpgradeRequest, type UpgradeResult } from './upgrade.ts';

/** What of a master goes on in its successor. */
export interface Estate {
  readonly sockets: SocketTable;
  readonly monitoring: Monitoring;
  readonly liveConfig: LiveConfig;
  readonly masterLog: MasterLog;
  readonly blocks: Blocks;
  readonly verdicts: ServerVerdicts;
  readonly events: Events;
  readonly clientMatters: Pick<ClientMatters, 'quotas' | 'leases'>;
}

export interface SuccessionHost {
  readonly log: Log;
  readonly serviceManager: ServiceManager;
  /** Runs `change` when other changes of the workers are done. */
  inTurn<T>(change: () => Promise<T>): Promise<T>;
  /** Throws a RefusedError. */
  refuseUnlessRunning(): void;
  refuseWhileResharding(): void;
  /** Its clients have so long to go. */
  drainMs(): number;
  /** Drains; resolves when all is done. */
  stop(why: string): Promise<void>;
}

/** Where a master stands between the one before it and the one after it. */
export class Succession {
  /** Another master has taken this one's place, and this one is drained. */
  readonly handedOver: Promise<void>;
  private readonly estate: Estate;
  private readonly host: SuccessionHost;
  private readonly takeover: Takeover | null;
  private readonly upgrade: Upgrade;
  private pidFile: PidFile | null = null;

  constructor(estate: Estate, takeover: Takeover | null, host: SuccessionHost) {
    this.estate = estate;
    this.host = host;
    this.takeover = takeover;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.handedOver = promise;
    this.upgrade = new Upgrade({
      log: host.log,
      serviceEnvironment: () => host.serviceManager.environment,
      inTurn: change => host.inTurn(change),
      refuseUnlessRunning: () => {
        host.refuseUnlessRunning();
        host.refuseWhileResharding();
      },
      handover: () => bequest(estate, this.inheritedPidFile()),
      pidFile: () => this.inheritedPidFile(),
      onPlaces: (successor, message) => estate.clientMatters.quotas.receive(successor, message),
      onShares: (successor, message) => estate.clientMatters.leases.receive(successor, message),
      onLeft: successor => {
        estate.clientMatters.quotas.retire(successor);
        estate.clientMatters.leases.retire(successor);
      },
      onHandedOver: pid => {
        estate.sockets.giveAway();
        host.serviceManager.handOver(pid);
        const left = estate.monitoring.leave();
        // The one before it leases to the one after it through this one only.
        const before = takeover?.untilLeft(host.drainMs());
        void Promise.all([host.stop('upgraded'), left, before])
          .then(() => this.upgrade.leave(estate.clientMatters.leases.left()))
          .then(resolve);
      },
    });
  }

  /** See `Upgrade.run`. */
  run(by: string, asked: UpgradeRequest): Promise<UpgradeResult> {
    return this.upgrade.run(by, asked);
  }

  /** For changes that a successor would not hear of any more. Throws a RefusedError. */
  refuseUnlessSettled(): void {
    this.host.refuseUnlessRunning();
    if (this.upgrade.isUnderWay) throw new RefusedError('not during an upgrade: try again once it is done');
  }

  /** The one before it, as long as that one serves, too. */
  get predecessor(): number | null {
    return this.takeover === null || this.takeover.isDone ? null : this.takeover.handover.pid;
  }

  /** Takes hold of it, before anybody is served. Throws an Error that names it when it can't be written. */
  takePidFile(path: string): void {
    this.pidFile = new PidFile(path, this.predecessor, this.takeover?.handover.pidFile ?? null);
  }

  private inheritedPidFile(): number | null {
    return this.pidFile?.needsDescriptor ? this.pidFile.descriptor : null;
  }

  /** Goes on with what the one before it has, before any worker is there. `pools`: with their TLS files. */
  inherit(pools: readonly PoolConfig[]): void {
    if (this.takeover !== null) inherit(this.estate, this.takeover, pools);
  }

  /** Node's handle of a server of the one before it that listens just there; null: none does. */
  serverHandle(address: HostPort | { readonly path: string }): object | null {
    return this.takeover?.serverHandle(address) ?? null;
  }

  /** All workers serve: the pid file says who is the master, and the one before it may go. Throws an Error that names the file. */
  done(): void {
    this.pidFile?.write();
    this.takeover?.done();
  }

  /** Nothing is left of this master but its process. */
  over(): void {
    if (this.predecessor !== null) this.estate.clientMatters.leases.giveBack();
    this.closeSockets();
    this.pidFile?.release();
    this.pidFile = null;
  }

  /** Those that are another master's as well are left alone. */
  closeSockets(): void {
    if (this.predecessor === null) this.estate.sockets.close();
    else this.estate.sockets.giveAway();
  }
}

/** All of it, as a successor gets it, and the handles that are sent before. */
function bequest(
  estate: Estate,
  pidFile: number | null,
): { readonly handover: Handover; readonly handles: readonly BoundHandle[] } {
  const handles: BoundHandle[] = [];
  const number = (handle: BoundHandle): number => {
    const known = handles.indexOf(handle);
    return known >= 0 ? known : handles.push(handle) - 1;
  };
  const { blocks, events, masterLog, liveConfig, monitoring } = estate;
  const { byHand, ejections, health } = estate.verdicts;
  const handover: Handover = {
    type: 'handover',
    format: HANDOVER_FORMAT,
    pid: process.pid,
    leasesPlaces: true,
    leasesRates: RATES_FORMAT,
    sockets: estate.sockets.offered(number),
    servers: monitoring.offered().map(({ wanted, handle }) => ({ wanted, handle: number(handle as BoundHandle) })),
    ...(pidFile !== null && { pidFile: PID_FILE_DESCRIPTOR }),
    state: {
      settings: liveConfig.bequest(),
      logLevel: masterLog.level,
      blocks: blocks.list(),
      byHand: byHand.list(),
      ejected: ejections.out(),
      down: health.down(),
      events: events.list(),
      history: monitoring.history.dump(),
    },
  };
  return { handover, handles };
}

/** Goes on with it, before any worker is there. What can't be read is left out, and the log says so. `pools`: with their TLS files. */
function inherit(estate: Estate, takeover: Takeover, pools: readonly PoolConfig[]): void {
  const { state, handover, handles } = takeover;
  const { blocks, events, masterLog, monitoring } = estate;
  const { byHand, ejections, health } = estate.verdicts;
  const take = (what: string, act: () => void) => {
    try {
      act();
    } catch (error) {
      masterLog.log.warn({ what, err: error }, 'upgrade: a part of the state is not taken over');
    }
  };
  estate.sockets.inherit(handover.sockets, handles);
  takeover.sharePlaces(estate.clientMatters.quotas);
  takeover.shareRates(estate.clientMatters.leases);
  take('log level', () => masterLog.setLevel(state.logLevel));
  take('blocks', () => blocks.restore(state.blocks));
  take('servers taken out by hand', () => byHand.restore([...state.byHand]));
  take('ejected servers', () => ejections.restore(state.ejected));
  // It takes verdicts on servers that it asks.
  health.setPools(pools);
  take('servers that are down', () => health.restore(state.down));
  take('events', () => events.restore(state.events));
  take('history', () => monitoring.history.restore(state.history));
}

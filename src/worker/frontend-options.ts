import { randomBytes } from 'node:crypto';
import type { PoolConfig } from '../config/config.ts';
import { poolPassword } from '../config/pool-password.ts';
import type { ClusterTopology } from '../ipc/cluster-topology.ts';
import { poolServers } from '../ipc/pool-servers.ts';
import type { ReshardState } from '../ipc/reshard-state.ts';
import { PROTOCOLS } from '../protocol/protocols.ts';
import type { SharedPortOptions } from '../proxy/entrance/shared-port.ts';
import type { FrontendOptions } from '../proxy/frontend.ts';
import { VERSION } from '../system/version.ts';
import { limitOptions, placeOptions, userLimits } from './limit-options.ts';
import { accountsOf } from './pool-accounts.ts';
import { servedShape, serversMovedTo } from './served-shape.ts';

/** What the client side of a pool needs of its configuration. `topology`: of a pool that is a cluster. `reshard`: of one between two rings. */
export function frontendOptions(
  configured: PoolConfig,
  topology: ClusterTopology,
  reshard: ReshardState | null,
): FrontendOptions {
  const config = servedShape(configured, reshard);
  return {
    protocol: PROTOCOLS[config.protocol],
    parser: {
      version: VERSION,
      password: config.poolBy === 'user' ? nobodysPassword() : poolPassword(config),
      accounts: config.poolBy === null ? accountsOf(configured) : null,
      keyPrefix: config.keyPrefix,
      rules: {
        hasOneServer: config.cluster === null && config.servers.length === 1,
        hasSlots: config.cluster !== null,
        serverNames: poolServers(config, topology).flatMap(({ name, isReplica }) => (isReplica ? [] : [name])),
        serversMovedTo: serversMovedTo(configured, reshard),
        keysLimitBytes: config.keysLimitBytes,
        db: config.redisDb,
        databases: config.databases,
        scriptMemoryBytes: config.scriptMemoryBytes,
        learnsCommands: config.learnsCommands,
        hasResp3: config.resp3 === 'auto',
        keylessScripts: config.keylessScripts,
        hasPrefixedScripts: config.scriptsUnderPrefix === 'allow',
        deniedCommands: config.deniedCommands ?? [],
        declaredCommands: config.declaredCommands ?? [],
        presentedCluster:
          config.presentAs === 'cluster'
            ? { advertise: config.advertise, isTls: config.tls?.listen != null, hasSlots: config.cluster !== null }
            : null,
      },
    },
    limits: {
      maxRequestBytes: config.maxRequestBytes,
      maxPipeline: config.maxPipeline,
      bufferBytes: config.clientBufferBytes,
      outputLimitBytes: config.clientOutputLimitBytes,
      sweepTimeoutMs: config.sweepTimeoutMs,
      maxSweeps: config.maxSweeps,
      reshard: {
        patienceMs: config.reshardPatienceMs,
        stepTimeoutMs: config.reshardStepTimeoutMs,
        wholeBytes: config.reshardWholeBytes,
        waitingBytes: config.reshardWaitingBytes,
        knownBytes: config.reshardKnownBytes,
        isBack: reshard?.isBack ?? false,
        isDropping: reshard?.isDropping ?? false,
      },
      subscriptions: { ofClient: config.clientSubscriptions, ofWorker: config.workerSubscriptions },
    },
    tenantLimits: {
      pool: limitOptions(config.limits, config.protocol),
      address: limitOptions(config.addressLimits, config.protocol),
      addresses: config.limitAddresses,
      users: userLimits(config.users ?? [], config.protocol),
    },
    places: placeOptions(config),
    idleTimeoutMs: config.clientIdleTimeoutMs,
    sendsToFirstKey: config.crossServer === 'first_key',
    slowRequests: {
      thresholdMs: config.slowlogThresholdMs,
      capacity: config.slowlogLength,
      hidesKeys: config.slowlogHideKeys,
      isLogged: config.slowlogToLog,
    },
    watch: { sampleOneIn: config.sampleOneIn, hidesKeys: config.hotkeysHide },
    entrance: {
      gate: { allow: config.allow, deny: config.deny, balancers: config.proxyProtocol },
      tls: config.tls?.listen ?? null,
      keepaliveIdleMs: config.tcpKeepalive ? config.keepaliveIdleMs : 0,
      backlog: config.backlog,
    },
    port: portOptions(config),
  };
}

function portOptions({ poolBy, leads }: PoolConfig): SharedPortOptions | null {
  if (poolBy === null) return null;
  return { poolBy, pools: new Map(leads?.pools), certificates: new Map(leads?.certificates) };
}

/** Nothing is open to whoever has not said who it is: a user, and a password, that nobody can know. */
function nobodysPassword(): string {
  return `${randomBytes(16).toString('hex')}:${randomBytes(32).toString('hex')}`;
}

import type { ApiRoute } from '../admin/api.ts';
import type { Log } from '../system/log.ts';
import type { ClientMatters } from './clients/client-matters.ts';
import type { LiveConfig } from './configuration/live-config.ts';
import { settingsRoutes } from './configuration/settings-api.ts';
import { reshardRoutes } from './reshard/reshard-api.ts';
import type { Resharding } from './reshard/resharding.ts';
import { type Steering, steeringRoutes } from './steering-api.ts';
import type { Succession } from './upgrade/succession.ts';
import { upgradeRoute } from './upgrade/upgrade-api.ts';

/** The parts of the master that operators work with; some come to be after the admin server. */
export interface OperatedMaster extends Omit<Steering, 'refuseUnlessRunning'> {
  readonly log: Log;
  readonly clientMatters: ClientMatters;
  liveConfig(): LiveConfig;
  succession(): Succession;
  resharding(): Resharding;
  isPool(name: string): boolean;
}

/** What the admin server can be asked to do and to tell, beside what monitoring shows. */
export function adminRoutes(master: OperatedMaster): ApiRoute[] {
  const { log } = master;
  return [
    ...settingsRoutes(() => master.liveConfig(), log),
    upgradeRoute((by, asked) => master.succession().run(by, asked), log),
    ...master.clientMatters.routes(name => master.isPool(name)),
    ...reshardRoutes(() => master.resharding(), log),
    ...steeringRoutes({ ...master, refuseUnlessRunning: () => master.succession().refuseUnlessSettled() }),
  ];
}

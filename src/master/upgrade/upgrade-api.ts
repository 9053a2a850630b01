import type { ApiRoute } from '../../admin/api.ts';
import { refused } from '../../admin/api.ts';
import { parseDurationMs } from '../../settings/durations-and-sizes.ts';
import { SettingError } from '../../settings/setting-error.ts';
import type { Log } from '../../system/log.ts';
import { failure } from '../control.ts';
import type { UpgradeRequest, UpgradeResult } from './upgrade.ts';

const WITHIN_MIN_MS = 1000;
const WITHIN_MAX_MS = 3_600_000;

/** POST of `{ exec?, timeout? }`. */
export function upgradeRoute(
  upgrade: (by: string, asked: UpgradeRequest) => Promise<UpgradeResult>,
  log: Log,
): ApiRoute {
  return {
    method: 'POST',
    path: '/api/v1/upgrade',
    handle: async ({ body, by }) => {
      try {
        return { status: 200, body: { result: 'upgraded', ...(await upgrade(by, read(body))) } };
      } catch (error) {
        if (error instanceof SettingError) return refused(400, error.message);
        return failure(error as Error, log);
      }
    },
  };
}

function read(body: unknown): UpgradeRequest {
  const { exec, timeout, ...others } = (body ?? {}) as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) throw new SettingError(`unknown ${other}; there are exec and timeout`);
  if (exec !== undefined && (typeof exec !== 'string' || exec === '')) throw new SettingError('exec must be a path');
  if (timeout !== undefined && typeof timeout !== 'string')
    throw new SettingError('timeout must be a duration, such as "30s"');
  return {
    ...(exec !== undefined && { exec }),
    ...(timeout !== undefined && { timeoutMs: parseDurationMs(timeout, WITHIN_MIN_MS, WITHIN_MAX_MS) }),
  };
}

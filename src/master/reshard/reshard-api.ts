import type { ApiRequest, ApiRoute, JsonAnswer } from '../../admin/api.ts';
import { SettingError } from '../../settings/setting-error.ts';
import type { Log } from '../../system/log.ts';
import { failure } from '../control.ts';
import { PART_PATH, type PartRequest, STATE_PATH } from './peer.ts';
import { readRecord } from './reshard-record.ts';
import type { Resharding } from './resharding.ts';
import { fieldsOf, paceText, readBigKeys, readPace, readStartRequest } from './start-request.ts';

/** A configuration file, in JSON. */
const MAX_BODY_BYTES = 20 * 2 ** 20;

/** Resharding over the API: for operators, and between proxies. */
export function reshardRoutes(resharding: () => Resharding, log: Log): ApiRoute[] {
  const answer = async (run: () => object | Promise<object>): Promise<JsonAnswer> => {
    try {
      return { status: 200, body: await run() };
    } catch (error) {
      return failure(error as Error, log);
    }
  };
  const post = (path: string, run: (request: ApiRequest) => object | Promise<object>): ApiRoute => ({
    ...{ method: 'POST', path, maxBodyBytes: MAX_BODY_BYTES },
    handle: request => answer(() => run(request)),
  });
  return [
    { method: 'GET', path: STATE_PATH, handle: () => answer(() => resharding().status()) },
    post(`${STATE_PATH}/plan`, async ({ body }) => ({
      result: 'planned',
      ...(await resharding().plan(readStartRequest(body))),
    })),
    post(`${STATE_PATH}/start`, async ({ body, by }) => ({
      result: 'started',
      ...(await resharding().start(readStartRequest(body), by)),
    })),
    post(`${STATE_PATH}/pause`, async () => {
      await resharding().coordinated().pauseMoving(true);
      return { result: 'paused' };
    }),
    post(`${STATE_PATH}/resume`, async ({ body }) => {
      const { bigKeys } = fieldsOf(body, ['bigKeys']);
      if (bigKeys !== undefined) resharding().coordinated().setBigKeys(readBigKeys(bigKeys));
      await resharding().coordinated().pauseMoving(false);
      return { result: 'resumed' };
    }),
    post(`${STATE_PATH}/pace`, ({ body }) => {
      const paceBytes = readPace(fieldsOf(body, ['pace']).pace);
      resharding().coordinated().setPace(paceBytes);
      return { result: 'paced', pace: paceText(paceBytes) };
    }),
    post(`${STATE_PATH}/abort`, async () => {
      await resharding().coordinated().abort();
      return { result: 'aborting' };
    }),
    post(PART_PATH, ({ body }) => resharding().take(readPart(body))),
  ];
}

/** Throws a SettingError. */
function readPart(body: unknown): PartRequest {
  const { decision, file = null, coordinator } = fieldsOf(body, ['decision', 'file', 'coordinator']);
  try {
    readRecord(JSON.stringify({ version: 1, decision }));
  } catch (error) {
    throw new SettingError(`decision: ${(error as Error).message}`);
  }
  return { decision, file, coordinator: String(coordinator) } as PartRequest;
}

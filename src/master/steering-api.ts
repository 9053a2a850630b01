import { type ApiRequest, type ApiRoute, type JsonAnswer, paged, refused } from '../admin/api.ts';
import type { Log } from '../system/log.ts';
import type { Blocks } from './blocks.ts';
import { failure } from './control.ts';
import { IncompleteError, RefusedError } from './errors.ts';
import type { ServerVerdicts } from './servers/server-verdicts.ts';

export interface Steering {
  readonly log: Log;
  readonly blocks: Blocks;
  readonly verdicts: ServerVerdicts;
  /** Throws a RefusedError, during an upgrade too. */
  refuseUnlessRunning(): void;
  /** Resolves when the workers block what they are to; with the slots of those that did not say so in time. */
  untilBlocking(): Promise<readonly number[]>;
}

/** Blocks, and servers that are taken out by hand. */
export function steeringRoutes(steering: Steering): ApiRoute[] {
  const { log, blocks } = steering;
  const { byHand, ejections } = steering.verdicts;
  /** `asked`: what is to be done, in the words of the command line. */
  const answer = async (
    by: string,
    asked: string,
    run: () => Promise<object | null>,
    missing = '',
  ): Promise<JsonAnswer> => {
    try {
      steering.refuseUnlessRunning();
      const body = await run();
      return body === null ? refused(404, missing) : { status: 200, body };
    } catch (error) {
      if (error instanceof RefusedError) {
        log.warn({ by, asked, reason: error.message }, 'not done by hand: nothing has changed');
      }
      return failure(error as Error, log);
    }
  };
  const inForce = async (result: object) => {
    const late = await steering.untilBlocking();
    if (late.length === 0) return result;
    throw new IncompleteError(`done, but the workers of slots ${late.join(', ')} have not said that it is in force`);
  };
  const route = (verb: string, run: (pool: string, server: string, request: ApiRequest) => object): ApiRoute => ({
    method: 'POST',
    path: `/api/v1/servers/{pool}/{server}/${verb}`,
    handle: request => {
      const { pool = '', server = '' } = request.params;
      return answer(request.by, `${verb} ${pool} ${server}`, async () => run(pool, server, request));
    },
  });
  const isForced = ({ query }: ApiRequest) => query.get('force') === 'true';
  return [
    { method: 'GET', path: '/api/v1/blocks', handle: async ({ query }) => paged(query, 'blocks', blocks.list()) },
    {
      method: 'POST',
      path: '/api/v1/blocks',
      handle: ({ body, by }) => answer(by, 'block', () => inForce({ result: 'blocked', block: blocks.add(body, by) })),
    },
    {
      method: 'DELETE',
      path: '/api/v1/blocks/{id}',
      handle: ({ params, by }) =>
        answer(
          by,
          `unblock ${params.id}`,
          async () => {
            const block = blocks.remove(Number(params.id), by);
            return block && inForce({ result: 'unblocked', block });
          },
          `there is no block ${params.id}`,
        ),
    },
    route('eject', (pool, server, request) => {
      byHand.take(pool, server, 'ejected', request.by, isForced(request));
      return { result: 'ejected', pool, server };
    }),
    route('drain', (pool, server, request) => {
      byHand.take(pool, server, 'drained', request.by, isForced(request));
      return { result: 'draining', pool, server };
    }),
    route('readmit', (pool, server, { by }) => {
      const wasByHand = byHand.readmit(pool, server, by);
      if (!ejections.readmit(pool, server, by) && !wasByHand) {
        throw new RefusedError(`${server} is not out of the ring, or health checks say that it is down`);
      }
      return { result: 'readmitted', pool, server };
    }),
  ];
}

/** A page that answers in JSON, by the query of its address. */
export type JsonPage = (query: URLSearchParams) => Promise<JsonAnswer>;

export interface JsonAnswer {
  readonly status: number;
  /** For JSON. */
  readonly body: object;
}

export interface ApiRequest {
  /** What stands in place of the `{names}` of the route's path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Of JSON; null: there was none. */
  readonly body: unknown;
  /** Who asks, and from where: for the log. */
  readonly by: string;
}

export interface ApiRoute {
  /** GET: whoever may read; else whoever may change something. */
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** `/api/v1/blocks/{id}` */
  readonly path: string;
  /** Of its body; not given: 64 KiB. */
  readonly maxBodyBytes?: number;
  /** It does not reject but for faults of our own. */
  handle(request: ApiRequest): Promise<JsonAnswer>;
}

/** What there is at a path: for the method, or for others only. */
export type ApiMatch =
  | { readonly route: ApiRoute; readonly params: Readonly<Record<string, string>> }
  | { readonly route: null; readonly allow: string };

/** Pages of which each is a GET. */
export function pageRoutes(pages: ReadonlyMap<string, JsonPage>): ApiRoute[] {
  return [...pages].map(([path, page]) => ({ method: 'GET', path, handle: ({ query }) => page(query) }));
}

/** The routes of the HTTP API. */
export class Api {
  readonly routes: readonly ApiRoute[];

  constructor(routes: readonly ApiRoute[]) {
    this.routes = routes;
  }

  /** null: there is nothing at that path. A HEAD is a GET. */
  find(method: string, path: string): ApiMatch | null {
    const wanted = method === 'HEAD' ? 'GET' : method;
    const allowed: string[] = [];
    for (const route of this.routes) {
      const params = paramsOf(route.path, path);
      if (params === null) continue;
      if (route.method === wanted) return { route, params };
      allowed.push(...(route.method === 'GET' ? ['GET', 'HEAD'] : [route.method]));
    }
    return allowed.length === 0 ? null : { route: null, allow: allowed.join(', ') };
  }
}

function paramsOf(pattern: string, path: string): Record<string, string> | null {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name === undefined) {
      if (part !== given[i]) return null;
      continue;
    }
    try {
      params[name] = decodeURIComponent(given[i] as string);
    } catch {
      return null;
    }
  }
  return params;
}

export function refused(status: 400 | 404 | 409, error: string): JsonAnswer {
  return { status, body: { result: 'refused', error } };
}

const COUNT_MAX = 1000;
const COUNT_DEFAULT = 100;

/** Which part of a list is wanted: the query's `count` (100 unless given, 1,000 at most) from its `offset` on; or what is wrong. */
export function pageRange(query: URLSearchParams): { readonly count: number; readonly offset: number } | JsonAnswer {
  const count = Number(query.get('count') ?? COUNT_DEFAULT);
  const offset = Number(query.get('offset') ?? 0);
  if (!Number.isInteger(count) || count < 1 || count > COUNT_MAX) {
    return refused(400, `count must be a whole number from 1 to ${COUNT_MAX}`);
  }
  if (!Number.isInteger(offset) || offset < 0) return refused(400, 'offset must be a whole number from 0 on');
  return { count, offset };
}

/** A part of a list; `total` is how many there are. */
export function paged(query: URLSearchParams, name: string, items: readonly unknown[]): JsonAnswer {
  const range = pageRange(query);
  if ('status' in range) return range;
  const { count, offset } = range;
  return { status: 200, body: { total: items.length, offset, [name]: items.slice(offset, offset + count) } };
}

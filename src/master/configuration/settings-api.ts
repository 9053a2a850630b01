import { type ApiRoute, type JsonAnswer, paged } from '../../admin/api.ts';
import type { SettingsRequest } from '../../config/changes/overrides.ts';
import { SettingError } from '../../settings/setting-error.ts';
import type { Log } from '../../system/log.ts';
import { failure } from '../control.ts';
import type { LiveConfig } from './live-config.ts';

/** More at once is a mistake: a file is the place for it. */
const MAX_SETTINGS = 1000;

/** The settings of the API. */
export function settingsRoutes(liveConfig: () => LiveConfig, log: Log): ApiRoute[] {
  const answer = async (run: () => Promise<object>): Promise<JsonAnswer> => {
    try {
      return { status: 200, body: await run() };
    } catch (error) {
      return failure(error as Error, log);
    }
  };
  return [
    {
      method: 'GET',
      path: '/api/v1/settings',
      handle: async ({ query }) => {
        const all = liveConfig().settings(query.get('pattern') ?? '*');
        const settings = query.get('differs') === 'true' ? all.filter(({ setBy }) => setBy !== null) : all;
        return paged(query, 'settings', settings);
      },
    },
    {
      method: 'PATCH',
      path: '/api/v1/settings',
      handle: ({ body, by }) =>
        answer(async () => ({ result: 'set', ...(await liveConfig().change(readRequest(body), by)) })),
    },
    {
      method: 'POST',
      path: '/api/v1/settings/save',
      handle: ({ by }) => answer(async () => ({ result: 'saved', ...(await liveConfig().save(by)) })),
    },
    {
      method: 'GET',
      path: '/api/v1/settings/differences',
      handle: () => answer(() => liveConfig().differences()),
    },
  ];
}

/** Throws a SettingError. */
function readRequest(body: unknown): SettingsRequest {
  const fields = isMap(body) ? body : {};
  const { set = {}, unset = [], toDefault = [], ...others } = fields;
  const [other] = Object.keys(others);
  if (other !== undefined)
    throw new SettingError(`the body has set, unset and toDefault, and no ${JSON.stringify(other)}`);
  if (!isMap(set) || !Object.values(set).every(isText)) {
    throw new SettingError('set must be a map of names of settings to values, each as text');
  }
  if (!isTexts(unset) || !isTexts(toDefault)) throw new SettingError('unset and toDefault must be lists of names');
  const count = Object.keys(set).length + unset.length + toDefault.length;
  if (count === 0) throw new SettingError('the body must name a setting, such as {"set": {"red.timeout": "300ms"}}');
  if (count > MAX_SETTINGS) throw new SettingError(`at most ${MAX_SETTINGS} settings at once`);
  return { set: set as Record<string, string>, unset, toDefault };
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);
const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

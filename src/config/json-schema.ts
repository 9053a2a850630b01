import { isGroup, isScalar, type ScalarSetting, type Setting, type SettingTable } from '../settings/setting.ts';
import { DAEMON_SETTINGS } from './tables/daemon-settings.ts';
import { POOL_SETTINGS } from './tables/pool-settings.ts';
import { SERVER_SETTINGS } from './tables/server-settings.ts';
import { USER_SETTINGS } from './tables/user-settings.ts';

/*
 * A JSON Schema (2020-12) of the file, for editors: completion, explanations, and most of what can be wrong. It is looser
 * than the loader where YAML's own types get in the way, and knows nothing of what one key means for another.
 */

const DOCUMENTATION = 'https://json-schema.org/draft/2020-12/schema';

/** The schema of both forms of the file, as text. */
export function jsonSchemaText(): string {
  const own = tableSchema(DAEMON_SETTINGS);
  const schema = {
    $schema: DOCUMENTATION,
    title: 'Ringmaster',
    description: "The configuration of Ringmaster, in its own form or in twemproxy's.",
    // What has no map of pools is twemproxy's form: any number of pools at the top.
    if: {
      type: 'object',
      required: ['pools'],
      properties: { pools: { not: { type: 'object', required: ['listen'] } } },
    },
    // biome-ignore lint/suspicious/noThenProperty: a word of JSON Schema
    then: own,
    else: { type: 'object', additionalProperties: { $ref: '#/$defs/twemproxyPool' } },
    $defs: {
      pool: tableSchema(POOL_SETTINGS),
      user: tableSchema(USER_SETTINGS),
      server: {
        anyOf: [{ type: 'string' }, tableSchema(SERVER_SETTINGS)],
      },
      twemproxyPool: twemproxySchema(),
    },
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

function tableSchema(table: SettingTable): object {
  const settings = Object.values(table);
  return {
    type: 'object',
    additionalProperties: false,
    // `<<` takes over the keys of another map, required ones among them: those it can't tell.
    anyOf: [...requiredKeys(settings).map(required => ({ required })), { required: ['<<'] }],
    properties: {
      ...Object.fromEntries(settings.map(setting => [setting.key, settingSchema(setting)])),
      '<<': { type: ['object', 'array'] },
    },
  };
}

/** The keys that must be there; a list more for each key that stands for another. */
function requiredKeys(settings: readonly Setting[]): string[][] {
  const keys = settings.filter(isRequired).map(({ key }) => key);
  const others = settings.flatMap(setting =>
    'unless' in setting ? setting.unless!.map(other => keys.map(key => (key === setting.key ? other : key))) : [],
  );
  return [keys, ...others];
}

function isRequired(setting: Setting): boolean {
  if (isScalar(setting)) return setting.default === undefined;
  return !isGroup(setting) && setting.isOptional !== true;
}

function settingSchema(setting: Setting): object {
  const about = { description: plain(setting.about) };
  if (isGroup(setting)) return { ...about, anyOf: [tableSchema(setting.settings), { type: 'null' }] };
  if (isScalar(setting)) {
    const note = setting.default === undefined || setting.default === null ? {} : { default: setting.default };
    // null is the same as leaving a key out.
    return {
      ...about,
      ...note,
      anyOf: [setting.kind.json, ...(setting.default === undefined ? [] : [{ type: 'null' }])],
    };
  }
  if (setting.structure === 'pools') {
    return { ...about, type: 'object', minProperties: 1, additionalProperties: { $ref: '#/$defs/pool' } };
  }
  if (setting.structure === 'users') {
    return { ...about, type: ['object', 'null'], additionalProperties: { $ref: '#/$defs/user' } };
  }
  return { ...about, type: 'array', minItems: 1, items: { $ref: '#/$defs/server' } };
}

function twemproxySchema(): object {
  const settings = Object.values(POOL_SETTINGS as SettingTable).filter(
    (setting): setting is ScalarSetting => isScalar(setting) && setting.twemproxy !== undefined,
  );
  const flag = { type: 'boolean' };
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      ...Object.fromEntries(
        settings.map(({ key, about, twemproxy }) => [key, { description: plain(about), ...twemproxy!.json }]),
      ),
      redis: { description: 'The pool speaks Redis; without it, memcached.', ...flag },
      reuseport: { description: 'Accepted, and without effect.', ...flag },
      servers: { type: 'array', minItems: 1, items: { type: 'string' } },
      '<<': { type: ['object', 'array'] },
    },
  };
}

/** Markdown's links without their targets. */
function plain(about: string): string {
  return about.replace(/\[([^\]]+)\]\([^)]+\)/g, '$1');
}

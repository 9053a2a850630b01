import type { SettingTable } from '../../settings/setting.ts';

/** What only pools of this protocol have, beside what all pools have: nothing. */
export const MEMCACHED_SETTINGS = {} as const satisfies SettingTable;

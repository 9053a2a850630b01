import type { Totals } from '../../admin/totals.ts';
import { PASSWORD_FIELDS, USER_FIELDS } from '../../figures/user-fields.ts';

/** A user in one of its pools, as operators see it. */
export interface UserRow {
  readonly pool: string;
  readonly user: string;
  readonly signIns: number;
  readonly refusedSignIns: number;
  readonly deniedRequests: number;
  /** Clients that are signed in as it now. */
  readonly connections: number;
  /** They gave the right password when there were as many as there may be. */
  readonly turnedAwayConnections: number;
  /** In the order of the file; `lastUsedAt` is null when nobody has used it since the start. */
  readonly passwords: readonly { readonly uses: number; readonly lastUsedAt: string | null }[];
}

export function userRows(totals: Totals): UserRow[] {
  return totals.users().map(({ pool, user, numbers, passwords }) => {
    const of = (field: (typeof USER_FIELDS)[number]['field']) =>
      numbers[USER_FIELDS.findIndex(each => each.field === field)] as number;
    return {
      ...{ pool, user, signIns: of('signIns'), refusedSignIns: of('refusedSignIns') },
      ...{ deniedRequests: of('deniedRequests'), connections: of('connections') },
      turnedAwayConnections: of('turnedAwayConnections'),
      passwords: passwords.map(values => {
        const lastUsedAtUs = values[LAST_USED] as number;
        return {
          uses: values[USES] as number,
          lastUsedAt: lastUsedAtUs === 0 ? null : new Date(lastUsedAtUs / 1000).toISOString(),
        };
      }),
    };
  });
}

const USES = PASSWORD_FIELDS.findIndex(({ field }) => field === 'uses');
const LAST_USED = PASSWORD_FIELDS.findIndex(({ field }) => field === 'lastUsedAtUs');

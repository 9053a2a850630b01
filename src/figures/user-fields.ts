import type { StatKind } from './statistics.ts';

interface UserField {
  readonly field: string;
  readonly kind: StatKind;
  readonly metric: string;
  readonly help: string;
}

/** What is counted of a user in a pool. */
export const USER_FIELDS = [
  {
    field: 'signIns',
    kind: 'counter',
    metric: 'ringmaster_user_sign_ins_total',
    help: 'times clients signed in as the user',
  },
  {
    field: 'refusedSignIns',
    kind: 'counter',
    metric: 'ringmaster_user_refused_sign_ins_total',
    help: 'times a wrong password was given for the user',
  },
  {
    field: 'deniedRequests',
    kind: 'counter',
    metric: 'ringmaster_user_denied_requests_total',
    help: 'requests that the rules of the user refused',
  },
  {
    field: 'connections',
    kind: 'gauge',
    metric: 'ringmaster_user_connections',
    help: 'clients that are signed in as the user now',
  },
  {
    field: 'turnedAwayConnections',
    kind: 'counter',
    metric: 'ringmaster_user_turned_away_connections_total',
    help: 'times a client might not sign in because the user had as many connections as it may (limits.connections)',
  },
] as const satisfies readonly UserField[];

/** Of one of its passwords. */
export const PASSWORD_FIELDS = [
  {
    field: 'uses',
    kind: 'counter',
    metric: 'ringmaster_user_password_uses_total',
    help: 'times clients signed in with the password, which is called by its place in the file, from 1 on',
  },
  {
    field: 'lastUsedAtUs',
    kind: 'timestamp',
    metric: 'ringmaster_user_password_last_used_timestamp_microseconds',
    help: 'when a client last signed in with the password, in usec since epoch; 0: nobody has',
  },
] as const satisfies readonly UserField[];

import { PASSWORD_FIELDS, USER_FIELDS } from '../figures/user-fields.ts';
import type { Slices } from '../system/slices.ts';
import { labelText, type MetricsText } from './metrics-text.ts';
import type { UserNumbers } from './user-totals.ts';

/** What is counted of the users of pools, and of their passwords. */
export async function userMetrics(text: MetricsText, users: readonly UserNumbers[], slices: Slices): Promise<void> {
  for (const [field, { metric, kind, help }] of USER_FIELDS.entries()) {
    text.family(metric, kind, help);
    for (const { pool, user, numbers } of users) text.value(labelText({ pool, user }), numbers[field]!);
    await slices.next();
  }
  for (const [field, { metric, kind, help }] of PASSWORD_FIELDS.entries()) {
    text.family(metric, kind === 'counter' ? 'counter' : 'gauge', help);
    for (const { pool, user, passwords } of users) {
      for (const [i, numbers] of passwords.entries()) {
        text.value(labelText({ pool, user, password: String(i + 1) }), numbers[field]!);
      }
    }
    await slices.next();
  }
}

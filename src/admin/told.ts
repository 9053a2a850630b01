import { withoutPassword } from '../protocol/said-traits.ts';
import type { ServerCredentials } from '../protocol/traits.ts';

/** What a server said; the reason why that is of no use has its words, and must not have the password it was given. */
export function told<T>(answer: T | string, credentials: ServerCredentials | null): T | string {
  return typeof answer === 'string' ? withoutPassword(answer, credentials) : answer;
}

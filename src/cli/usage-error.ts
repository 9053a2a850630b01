/** What the user asked for cannot be; the message is one sentence. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

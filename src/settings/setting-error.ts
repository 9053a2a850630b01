/** One value that cannot be read; the message says what would be right. Becomes a ConfigProblem with a position. */
export class SettingError extends Error {
  override readonly name = 'SettingError';
}

import { type Kind, text } from './kinds.ts';
import { SettingError } from './setting-error.ts';

/** Memcached's keys have 250 bytes: most of them are the client's. */
export const MAX_KEY_PREFIX_BYTES = 100;
/**
 * No braces, which would be a hash tag of every key; nothing that a glob pattern takes for more than itself, white space or quotes,
 * so that the prefix stands in patterns, lines and errors as it is. It begins with a letter or digit: with a channel's name behind it, it
 * can't become the name of a channel of key events.
 */
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9:._/@#=~+-]{0,99}$/;

/** What names of a tenant begin with on the servers. */
export function keyPrefix(): Kind<string> {
  const read = (written: string): string => {
    if (!PREFIX.test(written)) {
      throw new SettingError(
        `must be 1 to ${MAX_KEY_PREFIX_BYTES} letters, digits and : . _ / @ # = ~ + -, the first a letter or digit, not ${JSON.stringify(written)}`,
      );
    }
    return written;
  };
  return {
    ...text('letters, digits, : . _ / @ # = ~ + -', read),
    isQuoted: true,
    json: { type: ['string', 'integer'] },
  };
}

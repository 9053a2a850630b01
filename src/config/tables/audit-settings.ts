import { count, flag, oneOf, size, text } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';
import { SettingError } from '../../settings/setting-error.ts';

const MIN_BYTES = 64 * 1024;
const MAX_FILES = 1000;

export const AUDIT_SETTINGS = {
  file: {
    key: 'file',
    kind: text('path', checkFile),
    about:
      'The file that lines are appended to; it is made with mode 0600. What is full is called `FILE.1`, `FILE.2`, ….',
    applies: 'live',
  },
  commands: {
    key: 'commands',
    kind: oneOf('commands', ['dangerous', 'off'] as const),
    default: 'dangerous',
    about: 'Whether dangerous commands of clients are in it, beside who signs in and what operators do.',
    applies: 'live',
  },
  keys: {
    key: 'keys',
    kind: flag(),
    default: 'false',
    about: 'Whether keys of such commands are in it, and keys and prefixes that operators block. Values never are.',
    applies: 'live',
  },
  maxBytes: {
    key: 'max_size',
    kind: size(MIN_BYTES),
    default: '100mb',
    about: 'Bytes after which a new file is begun.',
    applies: 'live',
  },
  /** Beside the one that is written to. */
  files: {
    key: 'files',
    kind: count(0, MAX_FILES),
    default: '10',
    about: 'Full files that are kept; older ones are removed.',
    applies: 'live',
  },
} as const satisfies SettingTable;

function checkFile(written: string): string {
  if (written === '' || written.includes('\0')) throw new SettingError('must be the path of a file');
  return written;
}

import type { CaseList } from './command-case.ts';
import { FUNCTION_LIBRARY } from './data.ts';

const SHA_OF_RETURN_1 = 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db';

export const SCRIPTS_CASES: Readonly<Record<string, CaseList>> = {
  eval: [
    'EVAL "return redis.call(\'GET\', KEYS[1])" 1 str',
    'EVAL "return {1,ARGV[1],{2}}" 0 a',
    'EVAL "return 1" x',
    'EVAL "return 1" -1',
    'EVAL "return 1" 5 a',
    'EVAL "wrong(" 0',
    'EVAL "return redis.error_reply(\'MY error\')" 1 str',
    'EVAL "return redis.call(\'GET\', KEYS[1])" 1 list',
  ],
  eval_ro: [
    'EVAL_RO "return redis.call(\'GET\', KEYS[1])" 1 str',
    'EVAL_RO "return redis.call(\'DEL\', KEYS[1])" 1 str',
  ],
  evalsha: [
    'EVALSHA 0000000000000000000000000000000000000000 1 str',
    'EVALSHA x 0',
    'SCRIPT LOAD "return 1"',
    `EVALSHA ${SHA_OF_RETURN_1} 0`,
    `EVALSHA ${SHA_OF_RETURN_1} 1 str`,
  ],
  evalsha_ro: ['EVALSHA_RO x 1 str', 'SCRIPT LOAD "return 1"', `EVALSHA_RO ${SHA_OF_RETURN_1} 1 str`],
  fcall: ['FCALL get 1 str', 'FCALL nosuch 1 str', 'FCALL get x str', 'FCALL get 1 list'],
  fcall_ro: ['FCALL_RO get 1 str', 'FCALL_RO nosuch 0'],
  'function|delete': ['FUNCTION DELETE lib', 'FUNCTION DELETE lib', 'FCALL get 1 str'],
  'function|dump': ['FUNCTION DUMP'],
  'function|flush': ['FUNCTION FLUSH', 'FUNCTION LIST', 'FUNCTION FLUSH WRONG'],
  'function|list': ['FUNCTION LIST', 'FUNCTION LIST WITHCODE', 'FUNCTION LIST LIBRARYNAME no*', 'FUNCTION LIST WRONG'],
  'function|load': [
    `FUNCTION LOAD ${FUNCTION_LIBRARY}`,
    `FUNCTION LOAD REPLACE ${FUNCTION_LIBRARY}`,
    'FUNCTION LOAD rubbish',
  ],
  'function|kill': ['FUNCTION KILL'],
  'function|stats': ['FUNCTION STATS'],
  'script|kill': ['SCRIPT KILL'],
  'function|restore': ['FUNCTION RESTORE rubbish', 'FUNCTION RESTORE rubbish WRONG'],
  'script|exists': [
    'SCRIPT EXISTS x',
    'SCRIPT LOAD "return 1"',
    `SCRIPT EXISTS ${SHA_OF_RETURN_1} y ${SHA_OF_RETURN_1}`,
  ],
  'script|flush': [
    'SCRIPT LOAD "return 1"',
    'SCRIPT FLUSH',
    `SCRIPT EXISTS ${SHA_OF_RETURN_1}`,
    'SCRIPT FLUSH ASYNC',
    'SCRIPT FLUSH WRONG',
  ],
  'script|load': ['SCRIPT LOAD "return 1"', 'SCRIPT LOAD "wrong("', 'SCRIPT LOAD ""'],
};

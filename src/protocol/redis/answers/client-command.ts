// The subcommands of CLIENT that concern the client itself.

import { refusalText } from '../commands/command-policy.ts';
import type { RequestArgs } from '../request-args.ts';
import { SYNTAX_ERROR } from '../request-errors.ts';
import { encodeReply, errorReply, MAX_CLIENT_NAME_BYTES, OK, ReplyMap, ReplySet, VerbatimText } from '../resp.ts';
import { REPLIES_OFF, REPLIES_ON, REPLIES_SKIP, type RedisSession } from '../session.ts';
import { clientLine } from './client-line.ts';

const BAD_NAME = errorReply('ERR Client names cannot contain spaces, newlines or special characters.');
const NAME_TOO_LONG = errorReply(`ERR Client names cannot be longer than ${MAX_CLIENT_NAME_BYTES} bytes.`);
const NO_TRACKING = errorReply(
  refusalText('client|tracking', 'invalidations come from servers that other clients share'),
);

export const NOT_TRACKING = errorReply(
  'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
);
export const NO_REDIRECTION = encodeReply(-1);
const TRACKING_INFO = new ReplyMap(['flags', new ReplySet(['off']), 'redirect', -1, 'prefixes', []]);

/** Gives the client a name; an empty one takes it away. Returns an error reply, or null when all is well. */
export function setName(session: RedisSession, name: string): Buffer | null {
  if (name.length > MAX_CLIENT_NAME_BYTES) return NAME_TOO_LONG;
  if (!isPrintable(name)) return BAD_NAME;
  session.name = name;
  return null;
}

export function getName(session: RedisSession): Buffer {
  return encodeReply(session.name === '' ? null : session.name, session.respVersion);
}

/** CLIENT SETINFO LIB-NAME | LIB-VER value, as Redis 7.2 has it. */
export function setInfo(args: RequestArgs, session: RedisSession): Buffer {
  const isName = args.isWord(2, 'lib-name');
  if (!isName && !args.isWord(2, 'lib-ver')) return errorReply(`ERR Unrecognized option '${args.text(2)}'`);
  const value = args.text(3);
  const what = isName ? 'lib-name' : 'lib-ver';
  if (value.length > MAX_CLIENT_NAME_BYTES) {
    return errorReply(`ERR ${what} cannot be longer than ${MAX_CLIENT_NAME_BYTES} bytes.`);
  }
  if (!isPrintable(value)) return errorReply(`ERR ${what} cannot contain spaces, newlines or special characters.`);
  if (isName) session.libName = value;
  else session.libVersion = value;
  return OK;
}

/** CLIENT REPLY ON | OFF | SKIP; the request itself is answered, or not, by the mode that it leaves. */
export function reply(args: RequestArgs, session: RedisSession): Buffer {
  if (args.isWord(2, 'on')) session.replyMode = REPLIES_ON;
  else if (args.isWord(2, 'off')) session.replyMode = REPLIES_OFF;
  else if (!args.isWord(2, 'skip')) return SYNTAX_ERROR;
  else if (session.replyMode === REPLIES_ON) session.replyMode = REPLIES_SKIP;
  return OK;
}

/** CLIENT TRACKING ON | OFF. */
export function tracking(args: RequestArgs): Buffer {
  if (args.isWord(2, 'off')) return OK;
  return args.isWord(2, 'on') ? NO_TRACKING : SYNTAX_ERROR;
}

export function trackingInfo(session: RedisSession): Buffer {
  return encodeReply(TRACKING_INFO, session.respVersion);
}

/** CLIENT NO-EVICT: no client of Ringmaster is known to its servers, so there is nothing to do but to show it. */
export function noEvict(args: RequestArgs, session: RedisSession): Buffer {
  const isOn = args.isWord(2, 'on');
  if (!isOn && !args.isWord(2, 'off')) return SYNTAX_ERROR;
  session.isNoEvict = isOn;
  return OK;
}

/** CLIENT NO-TOUCH, likewise. */
export function noTouch(args: RequestArgs, session: RedisSession): Buffer {
  const isOn = args.isWord(2, 'on');
  if (!isOn && !args.isWord(2, 'off')) return SYNTAX_ERROR;
  session.isNoTouch = isOn;
  return OK;
}

/** CLIENT INFO: by what its session knows. */
export function info(session: RedisSession): Buffer {
  const command = session.runningRequests < 0 ? 'client|info' : 'exec';
  return encodeReply(new VerbatimText(clientLine(session, { ...ASKING, command })), session.respVersion);
}

/** A client that is just being answered. */
const ASKING = { idleMs: 0, isBlocked: false, unsentBytes: 0, memoryBytes: 0 };

/** Only the bytes from `!` to `~`, as Redis wants it of names. */
function isPrintable(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 33 || code > 126) return false;
  }
  return true;
}

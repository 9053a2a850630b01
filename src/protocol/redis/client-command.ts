// The subcommands of CLIENT that concern the client itself.
import { refusalText } from './command-policy.ts';
import type { RequestArgs } from './request-args.ts';
import { SYNTAX_ERROR } from './request-errors.ts';
import { encodeReply, errorReply, MAX_CLIENT_NAME_BYTES, OK, ReplyMap, ReplySet, VerbatimText } from './resp.ts';
import { REPLIES_OFF, REPLIES_ON, REPLIES_SKIP, type RedisSession } from './session.ts';

const BAD_NAME = errorReply('ERR Client names cannot contain spaces, newlines or special characters.');
const NAME_TOO_LONG = errorReply(`ERR Client names cannot be longer than ${MAX_CLIENT_NAME_BYTES} bytes.`);
const NO_TRACKING = errorReply(
  refusalText('client|tracking', 'invalidations come from servers that other clients share'),
);
const INVALID_ID = errorReply('ERR Invalid client ID');

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

/** CLIENT NO-EVICT and NO-TOUCH: nothing to do, since no client of Ringmaster is known to its servers. */
export function onOff(args: RequestArgs): Buffer {
  return args.isWord(2, 'on') || args.isWord(2, 'off') ? OK : SYNTAX_ERROR;
}

export function info(session: RedisSession): Buffer {
  return encodeReply(new VerbatimText(line(session, 'client|info')), session.respVersion);
}

/** CLIENT LIST [TYPE type] [ID id …]: of this client only. */
export function list(args: RequestArgs, session: RedisSession): Buffer {
  let isListed = true;
  if (args.count > 2) {
    if (args.isWord(2, 'type') && args.count === 4) {
      const isType = ['normal', 'master', 'replica', 'slave', 'pubsub'].some(type => args.isWord(3, type));
      if (!isType) return errorReply(`ERR Unknown client type '${args.text(3)}'`);
      isListed = args.isWord(3, 'normal');
    } else if (args.isWord(2, 'id') && args.count > 3) {
      isListed = false;
      for (let i = 3; i < args.count; i++) {
        const id = args.integer(i);
        if (Number.isNaN(id)) return INVALID_ID;
        if (id === session.id) isListed = true;
      }
    } else return SYNTAX_ERROR;
  }
  return encodeReply(new VerbatimText(isListed ? line(session, 'client|list') : ''), session.respVersion);
}

function line(session: RedisSession, command: string): string {
  const age = Math.floor((Date.now() - session.connectedAtMs) / 1000);
  const { id, addresses, name, libName, libVersion, respVersion } = session;
  return (
    `id=${id} ${addresses} name=${name} age=${age} idle=0 flags=N db=${session.database} sub=0 psub=0 ssub=0 multi=-1 ` +
    'qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r ' +
    `cmd=${command} user=default redir=-1 resp=${respVersion} lib-name=${libName} lib-ver=${libVersion}\n`
  );
}

/** Only the bytes from `!` to `~`, as Redis wants it of names. */
function isPrintable(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 33 || code > 126) return false;
  }
  return true;
}

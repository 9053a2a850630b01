// What nodes of a Redis Cluster answer to send a request elsewhere or put it off: the cluster specification.
import {
  type ClusterWords,
  type NodeWord,
  WORD_ASK,
  WORD_DOWN,
  WORD_MOVED,
  WORD_NONE,
  WORD_TRY_AGAIN,
} from '../protocol.ts';
import { encodeRequest, errorReply, MINUS } from './resp.ts';

/** No such reply is longer: a host name has 255 bytes at most. */
const MAX_BYTES = 512;
const REDIRECT = /^-(MOVED|ASK) (\d{1,5}) (\S*):(\d{1,5})\r\n$/;
/** By which a server says that it serves nobody now. */
const DOWN_WORD = /^-(CLUSTERDOWN|LOADING|MASTERDOWN) /;
const SLOTS = 16_384;
const NONE: NodeWord = { kind: WORD_NONE, slot: -1, host: '', port: 0 };
const TRY_AGAIN: NodeWord = { ...NONE, kind: WORD_TRY_AGAIN };
const DOWN: NodeWord = { ...NONE, kind: WORD_DOWN };

function read(buf: Buffer, start: number, end: number): NodeWord {
  if (end - start > MAX_BYTES) return NONE;
  const text = buf.toString('latin1', start, end);
  const [, word, slotText, host, portText] = REDIRECT.exec(text) ?? [];
  if (word !== undefined) {
    const [slot, port] = [Number(slotText), Number(portText)];
    if (slot >= SLOTS || port < 1 || port > 65_535) return NONE;
    return { kind: word === 'MOVED' ? WORD_MOVED : WORD_ASK, slot, host: host === '?' ? '' : (host as string), port };
  }
  if (text.startsWith('-TRYAGAIN ')) return TRY_AGAIN;
  return DOWN_WORD.test(text) ? DOWN : NONE;
}

export const CLUSTER_WORDS: ClusterWords = {
  mayBegin: byte => byte === MINUS,
  maxBytes: MAX_BYTES,
  read,
  asking: encodeRequest('ASKING'),
  crossSlotReply: errorReply("CROSSSLOT Keys in request don't hash to the same slot"),
  noOwnerReply: errorReply('CLUSTERDOWN Hash slot not served'),
  movedMeanwhileReply: errorReply('TRYAGAIN The slot has moved to another node meanwhile'),
  tooManyRedirectsReply: errorReply('CLUSTERDOWN The request was sent on too often from node to node'),
};

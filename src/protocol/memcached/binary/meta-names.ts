import { OP_DECREMENT, OP_DELETE, OP_GAT, OP_GET, OP_INCREMENT, OP_TOUCH } from './opcodes.ts';

const MG = Buffer.from('mg ', 'latin1');
const MS = Buffer.from('ms ', 'latin1');
const MD = Buffer.from('md ', 'latin1');
const MA = Buffer.from('ma ', 'latin1');

/** The meta command that a binary request with a key becomes, and the space behind it. */
export function metaNameOf(kind: number): Buffer {
  switch (kind) {
    case OP_GET:
    case OP_GAT:
    case OP_TOUCH:
      return MG;
    case OP_DELETE:
      return MD;
    case OP_INCREMENT:
    case OP_DECREMENT:
      return MA;
    default:
      return MS;
  }
}

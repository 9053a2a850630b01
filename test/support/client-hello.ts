// The first message of a TLS client, made by hand: real libraries do not offer what is to be refused (RFC 5246, 7.4.1.2).

export interface HelloOptions {
  /** The newest version that the client speaks, such as 0x0303 for TLS 1.2. */
  readonly version: number;
  /** Numbers of IANA's registry. */
  readonly suites: readonly number[];
  /** 1 is DEFLATE, 0 is none. */
  readonly compressions?: readonly number[];
}

/** What a server may answer to it. */
export type HelloAnswer =
  | { readonly kind: 'alert'; readonly description: number }
  | { readonly kind: 'hello'; readonly version: number; readonly suite: number; readonly compression: number };

const ALERT = 21;
const HANDSHAKE = 22;
const RANDOM_BYTES = 32;

/** In one record. Curves and signatures that any server has. */
export function clientHello({ version, suites, compressions = [0] }: HelloOptions): Buffer {
  const extensions = vector(
    2,
    Buffer.concat([
      extension(10, vector(2, numbers(2, [0x0017, 0x0018, 0x001d]))),
      extension(11, vector(1, Buffer.from([0]))),
      extension(13, vector(2, numbers(2, [0x0403, 0x0401, 0x0804, 0x0203, 0x0201]))),
    ]),
  );
  const body = Buffer.concat([
    numbers(2, [version]),
    Buffer.alloc(RANDOM_BYTES, 7),
    vector(1, Buffer.alloc(0)),
    vector(2, numbers(2, suites)),
    vector(1, Buffer.from(compressions)),
    extensions,
  ]);
  const message = Buffer.concat([Buffer.from([1]), vector(3, body)]);
  return Buffer.concat([Buffer.from([HANDSHAKE]), numbers(2, [Math.min(version, 0x0301)]), vector(2, message)]);
}

/** Null: it is not whole yet. */
export function readHelloAnswer(bytes: Buffer): HelloAnswer | null {
  if (bytes.length < 5 || bytes.length < 5 + bytes.readUInt16BE(3)) return null;
  if (bytes[0] === ALERT) return { kind: 'alert', description: bytes[6] as number };
  if (bytes[0] !== HANDSHAKE || bytes[5] !== 2) throw new Error(`neither alert nor hello: ${bytes.toString('hex')}`);
  const session = 9 + 2 + RANDOM_BYTES;
  const suite = session + 1 + (bytes[session] as number);
  return {
    kind: 'hello',
    version: bytes.readUInt16BE(9),
    suite: bytes.readUInt16BE(suite),
    compression: bytes[suite + 2] as number,
  };
}

function extension(number: number, content: Buffer): Buffer {
  return Buffer.concat([numbers(2, [number]), vector(2, content)]);
}

/** With its length, in so many bytes, before it. */
function vector(lengthBytes: number, content: Buffer): Buffer {
  return Buffer.concat([numbers(lengthBytes, [content.length]), content]);
}

function numbers(bytes: number, values: readonly number[]): Buffer {
  const out = Buffer.alloc(bytes * values.length);
  for (const [i, value] of values.entries()) out.writeUIntBE(value, i * bytes, bytes);
  return out;
}

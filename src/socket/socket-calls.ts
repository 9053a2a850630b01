/*
 * The system calls of sockets, and one handle of libuv (docs/decisions/polled-sockets.md). Every call returns at once and
 * nothing is kept by the system, so memory has to be valid during a call only.
 */
import { addressOf } from '../system/copy.ts';
import { intFunction, native } from '../system/native.ts';
import { SOCKADDR_BYTES } from './sockaddr.ts';

/** A result that is not negative, or a negative errno. */
export type CallResult = number;

export interface SocketCalls {
  read(descriptor: bigint, address: bigint, length: bigint): CallResult;
  /** Without SIGPIPE. */
  send(descriptor: bigint, address: bigint, length: bigint): CallResult;
  /** `count` pairs of address and length lie at `address`, 64 bits each. */
  writev(descriptor: bigint, address: bigint, count: bigint): CallResult;
  /** The descriptor of a connection, non-blocking. */
  accept(descriptor: bigint): CallResult;
  /** The sockaddr of the peer of the last connection that was accepted. */
  readonly acceptedPeer: Buffer;
  listen(descriptor: bigint, backlog: number): CallResult;
  setOption(descriptor: bigint, level: number, option: number, value: number): CallResult;
  /** Writes a sockaddr into `address`; empty when there is none. */
  peerName(descriptor: bigint, address: Buffer): CallResult;
  localName(descriptor: bigint, address: Buffer): CallResult;
  /** Sends our FIN. */
  shutdown(descriptor: bigint): CallResult;
  close(descriptor: bigint): CallResult;
  /** Another descriptor of the same file. */
  duplicate(descriptor: bigint): CallResult;
  epollCreate(): CallResult;
  /** `events`: what is watched; for ADD and MOD. */
  epollControl(epoll: bigint, operation: bigint, descriptor: bigint, events: number): CallResult;
  /** What is ready now, to be read by `epollEvents`; waits for nothing. */
  epollWait(epoll: bigint): CallResult;
  readonly epollEvents: EpollEvents;
  /** Calls `onReadable` in each turn of node's event loop in which `descriptor` is readable. It must not throw. */
  watch(descriptor: bigint, onReadable: () => void): LoopHandle;
}

/** Results of the last `epollWait`: of event `i`, `words[i * stride + …]`. */
export interface EpollEvents {
  readonly words: Int32Array;
  readonly stride: number;
  readonly eventsAt: number;
  readonly descriptorAt: number;
}

export interface LoopHandle {
  /** Whether it keeps the event loop alive; it does at first. */
  hold(isHeld: boolean): void;
}

/** What these numbers and layouts are right for. */
const ARCHITECTURES: readonly string[] = ['x64', 'arm64', 'loong64', 'riscv64'];

// Linux: <sys/epoll.h>, <sys/socket.h>, <netinet/tcp.h>, <fcntl.h>, <errno.h>.
export const EPOLLIN = 0x1;
export const EPOLLOUT = 0x4;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;
export const EPOLLRDHUP = 0x2000;
export const EPOLLET = 1 << 31;
export const EPOLL_ADD = 1n;
export const EPOLL_DEL = 2n;
export const EPOLL_MOD = 3n;
export const SOL_SOCKET = 1;
export const SO_KEEPALIVE = 9;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const EINTR = -4;
export const EAGAIN = -11;
export const ENFILE = -23;
export const EMFILE = -24;
export const ECONNABORTED = -103;
const MSG_NOSIGNAL = 0x4000n;
const SOCK_NONBLOCK_CLOEXEC = 0x80800n;
const SHUT_WR = 1n;
const F_DUPFD_CLOEXEC = 1030n;
const EPOLL_CLOEXEC = 0x80000n;
/** uv_handle_type and uv_poll_event of libuv 1.x, whose ABI is stable. */
const UV_POLL = 8n;
const UV_READABLE = 1n;

/** So many are read of one `epollWait`; the others come with the next. */
const EVENTS_MAX = 1024;
/** IOV_MAX: what one writev takes. */
export const PIECES_MAX = 1024;

/** What the system or libuv knows the address of. */
const kept: unknown[] = [];

/** Null where the runtime or the system does not have them; RINGMASTER_SOCKETS=net turns them off. */
export const socketCalls: SocketCalls | null = process.env.RINGMASTER_SOCKETS === 'net' ? null : loadSocketCalls();

function loadSocketCalls(): SocketCalls | null {
  if (native === null || !ARCHITECTURES.includes(process.arch)) return null;
  try {
    const { ffi, library } = native;
    const bind = intFunction.bind(null, native);
    // Of this thread. No call comes between a system call and a look at it.
    const errnoAt = library.getFunction('__errno_location', { return: 'pointer', arguments: [] })() as bigint;
    const errno = new Int32Array(ffi.toArrayBuffer(errnoAt, 4, false));
    const failed = () => -(errno[0] as number);

    const read = bind('read', 3);
    const send = bind('send', 4);
    const writev = bind('writev', 3);
    const accept4 = bind('accept4', 4);
    const listen = bind('listen', 2);
    const setsockopt = bind('setsockopt', 5);
    const getpeername = bind('getpeername', 3);
    const getsockname = bind('getsockname', 3);
    const shutdown = bind('shutdown', 2);
    const close = bind('close', 1);
    const fcntl = bind('fcntl', 3);
    const epollCreate1 = bind('epoll_create1', 1);
    const epollCtl = bind('epoll_ctl', 4);
    const epollWait = bind('epoll_wait', 4);
    const uvHandleSize = bind('uv_handle_size', 1);
    const uvPollInit = bind('uv_poll_init', 3);
    const uvPollStart = bind('uv_poll_start', 3);
    const uvRef = bind('uv_ref', 1);
    const uvUnref = bind('uv_unref', 1);

    const layout = epollLayout();
    const events = words(EVENTS_MAX * layout.stride);
    const event = words(layout.stride);
    const number = words(2);
    const eventsMax = BigInt(EVENTS_MAX);
    const acceptedPeer = Buffer.alloc(SOCKADDR_BYTES);
    const acceptedPeerAddress = addressOf(acceptedPeer);

    return {
      read: (descriptor, address, length) => {
        const result = read(descriptor, address, length);
        return result < 0 ? failed() : result;
      },
      send: (descriptor, address, length) => {
        const result = send(descriptor, address, length, MSG_NOSIGNAL);
        return result < 0 ? failed() : result;
      },
      writev: (descriptor, address, count) => {
        const result = writev(descriptor, address, count);
        return result < 0 ? failed() : result;
      },
      accept: descriptor => {
        number.view[0] = acceptedPeer.length;
        const result = accept4(descriptor, acceptedPeerAddress, number.address, SOCK_NONBLOCK_CLOEXEC);
        return result < 0 ? failed() : result;
      },
      acceptedPeer,
      listen: (descriptor, backlog) => (listen(descriptor, BigInt(backlog)) < 0 ? failed() : 0),
      setOption: (descriptor, level, option, value) => {
        number.view[0] = value;
        const result = setsockopt(descriptor, BigInt(level), BigInt(option), number.address, 4n);
        return result < 0 ? failed() : 0;
      },
      peerName: (descriptor, address) => {
        number.view[0] = address.length;
        const result = getpeername(descriptor, addressOf(address), number.address);
        return result < 0 ? failed() : (number.view[0] as number);
      },
      localName: (descriptor, address) => {
        number.view[0] = address.length;
        const result = getsockname(descriptor, addressOf(address), number.address);
        return result < 0 ? failed() : (number.view[0] as number);
      },
      shutdown: descriptor => (shutdown(descriptor, SHUT_WR) < 0 ? failed() : 0),
      close: descriptor => (close(descriptor) < 0 ? failed() : 0),
      duplicate: descriptor => {
        const result = fcntl(descriptor, F_DUPFD_CLOEXEC, 0n);
        return result < 0 ? failed() : result;
      },
      epollCreate: () => {
        const result = epollCreate1(EPOLL_CLOEXEC);
        return result < 0 ? failed() : result;
      },
      epollControl: (epoll, operation, descriptor, watched) => {
        event.view[layout.eventsAt] = watched;
        event.view[layout.descriptorAt] = Number(descriptor);
        return epollCtl(epoll, operation, descriptor, event.address) < 0 ? failed() : 0;
      },
      epollWait: epoll => epollWait(epoll, events.address, eventsMax, 0n),
      epollEvents: { ...layout, words: events.view },
      watch: (descriptor, onReadable) => {
        // libuv keeps its address for good, and so do we.
        const handle = words(Math.ceil(uvHandleSize(UV_POLL) / 4));
        kept.push(handle);
        const callback = library.registerCallback({ arguments: [], return: 'void' }, onReadable);
        const status = uvPollInit(ffi.getCurrentEventLoop(), handle.address, descriptor);
        if (status < 0 || uvPollStart(handle.address, UV_READABLE, callback) < 0)
          throw new Error(`libuv does not watch the sockets (${status})`);
        return { hold: isHeld => void (isHeld ? uvRef(handle.address) : uvUnref(handle.address)) };
      },
    };
  } catch {
    return null;
  }
}

/** Memory that C reads and writes. The view keeps it alive. */
function words(count: number): { readonly view: Int32Array; readonly address: bigint } {
  const bytes = Buffer.alloc(Math.max(count * 4, 128));
  return { view: new Int32Array(bytes.buffer, bytes.byteOffset, count), address: addressOf(bytes) };
}

/** struct epoll_event, in words: packed on x86-64, aligned to 8 bytes elsewhere. */
function epollLayout(): Omit<EpollEvents, 'words'> {
  return process.arch === 'x64'
    ? { stride: 3, eventsAt: 0, descriptorAt: 1 }
    : { stride: 4, eventsAt: 0, descriptorAt: 2 };
}

import type { SocketReader, StreamSocket } from '../../socket/stream-socket.ts';

/** How long a client that is turned away may take to read why. */
const TURN_AWAY_MS = 2000;

/** Tells a client that is turned away why, and ends the connection. */
export class Farewell implements SocketReader {
  private readonly socket: StreamSocket;
  private readonly timer: NodeJS.Timeout;

  constructor(socket: StreamSocket, words: Buffer) {
    this.socket = socket;
    this.timer = setTimeout(() => socket.destroy(), TURN_AWAY_MS);
    // Whatever it has sent is read and dropped, else the words would be lost in a reset.
    socket.start(this);
    if (socket.write(words)) socket.end();
  }

  onRead(): null {
    return null;
  }

  onEnd(): void {
    this.socket.destroy();
  }

  onTaken(): void {
    this.socket.end();
  }

  onClosed(): void {
    clearTimeout(this.timer);
  }
}

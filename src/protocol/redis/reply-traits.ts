/** A server's error; `text` begins with its code. */
export class ErrorReply {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A reply in RESP2; simple and bulk strings alike are bytes. */
export type Reply = Buffer | number | null | ErrorReply | readonly Reply[];

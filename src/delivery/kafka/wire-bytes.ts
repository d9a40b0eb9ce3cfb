/** A growing buffer to which values are written in the format of Kafka's protocol. */
export class WireBytes {
  private buffer: Buffer;
  private at = 0;

  /** @param size initial size in bytes */
  constructor(size: number) {
    this.buffer = Buffer.allocUnsafe(size);
  }

  /** Writes a whole number, 0 to 2^30 - 1, in as few bytes as it needs. */
  varInt(value: number): void {
    this.makeRoom(MAX_VAR_INT_BYTES);
    let left = value << 1;
    while (left >= 0x80) {
      this.buffer[this.at++] = (left & 0x7f) | 0x80;
      left >>>= 7;
    }
    this.buffer[this.at++] = left;
  }

  /** Writes a text in UTF-8, after its length. */
  text(text: string): void {
    const length = Buffer.byteLength(text);
    this.varInt(length);
    this.makeRoom(length);
    this.at += this.buffer.write(text, this.at);
  }

  bytes(bytes: Uint8Array): void {
    this.makeRoom(bytes.length);
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** The bytes written so far, as a view of the buffer. */
  get written(): Buffer {
    return this.buffer.subarray(0, this.at);
  }

  /** Returns a copy of the bytes written so far, and empties the buffer. */
  take(): Buffer {
    const taken = Buffer.from(this.written);
    this.at = 0;
    return taken;
  }

  private makeRoom(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.at + bytes));
    larger.set(this.written);
    this.buffer = larger;
  }
}

const MAX_VAR_INT_BYTES = 5;

/** How many bytes `WireBytes.varInt` writes. */
export function varIntLength(value: number): number {
  return value < 1 ? 1 : Math.ceil((33 - Math.clz32(value)) / 7);
}

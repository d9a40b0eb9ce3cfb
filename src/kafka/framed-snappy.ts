import { compressionsAlgorithms } from '@platformatic/kafka';

/**
 * The framing of Java's clients begins with these bytes. Its version and the oldest compatible
 * version follow.
 */
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const HEAD_BYTES = MAGIC.length + 8;

type Decompress = (data: Buffer) => Buffer;

/**
 * Patches the client for this whole process, so that it can read what Java's clients compress with
 * snappy. They write a sequence of blocks, each after its length (xerial). Without the patch, the
 * client takes the whole value for one block, and fails.
 */
export function patchSnappy(): void {
  const { snappy } = compressionsAlgorithms as { readonly snappy: { decompressSync: Decompress } };
  const one: Decompress = snappy.decompressSync.bind(snappy);
  snappy.decompressSync = (data) =>
    data.subarray(0, MAGIC.length).equals(MAGIC) ? Buffer.concat(blocksOf(data).map(one)) : one(data);
}

function blocksOf(data: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = HEAD_BYTES; at < data.length;) {
    const begin = at + 4;
    at = begin + data.readUInt32BE(at);
    blocks.push(data.subarray(begin, at));
  }
  return blocks;
}

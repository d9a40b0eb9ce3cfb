import type { HttpConnection } from './http-connection.js';

export const MB = 1024 * 1024;

/** Resident memory of a process of the product, in bytes, as it tells it. */
export async function memoryOf(api: HttpConnection): Promise<number> {
  const { body } = await api.get('/metrics');
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(body.toString())?.[1]);
}

/**
 * Another process has taken over this task. A write of this process was refused, because its epoch
 * (the fencing token) is too old.
 */
export class Fenced extends Error {
  override readonly name = 'Fenced';
}

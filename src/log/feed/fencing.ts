/**
 * Another process has taken this task over, so a write of this one was refused: its epoch, the
 * fencing token, is too old.
 */
export class Fenced extends Error {
  override readonly name = 'Fenced';
}

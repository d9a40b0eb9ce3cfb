import process from 'node:process';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;

/**
 * Shows the progress of one stage of work: in a terminal, on a line that is updated; otherwise,
 * with a line at the start, which the demo reads. A line at the end says how long the stage took.
 * All of it goes to the error output, because a script's output is its result.
 *
 * @template T
 * @param {string} title
 * @param {(note: (text: string) => void) => Promise<T>} work `note` shows a detail
 * @returns {Promise<T>}
 */
export async function stage(title, work) {
  const began = Date.now();
  const seconds = () => `${((Date.now() - began) / 1000).toFixed(1)} s`;
  const { stderr } = process;
  let detail = '';
  let frame = 0;
  const draw = () => {
    frame = (frame + 1) % FRAMES.length;
    stderr.write(
      `\r\x1b[K${FRAMES[frame]} ${title} ${seconds()} ${detail}`.slice(0, (stderr.columns || 80) + 3),
    );
  };
  const timer = stderr.isTTY ? setInterval(draw, FRAME_MS) : undefined;
  if (!stderr.isTTY) stderr.write(`… ${title}\n`);
  const note = (/** @type {string} */ text) => {
    detail = text;
    if (!stderr.isTTY) stderr.write(`  ${text}\n`);
  };
  const end = (/** @type {string} */ mark) => {
    clearInterval(timer);
    stderr.write(`${stderr.isTTY ? '\r\x1b[K' : ''}${mark} ${title} ${seconds()}\n`);
  };
  try {
    const result = await work(note);
    end('✓');
    return result;
  } catch (error) {
    end('✗');
    throw error;
  }
}

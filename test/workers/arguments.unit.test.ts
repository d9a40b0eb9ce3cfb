import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const run = promisify(execFile);

test.each(['npm start', 'npm run bench'])('%s names an argument that it does not know', async (program) => {
  const [npm = '', ...args] = program.split(' ');
  const ended = run(npm, [...args, '--silent', '--', '--foo']);
  await expect(ended).rejects.toMatchObject({
    code: 2,
    stdout: '',
    stderr: `Unknown option '--foo': \`${program} -- --help\` shows what is possible.\n`,
  });
});

test('npm test names an unknown argument', async () => {
  const env = { ...process.env, NO_SERVERS: '1' };
  await expect(run('npm', ['test', '--silent', '--', '--foo'], { env })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Unrecognized option "foo"'),
  });
});

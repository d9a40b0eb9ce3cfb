/**
 * Loaded into a process with `--import`: writes its CPU profile into `PROFILE_DIR` when it ends.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import process from 'node:process';

const folder = process.env['PROFILE_DIR'] ?? '.';
const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.start');
process.once('exit', () => {
  // The session is in this process, so the callback has run when the call returns.
  session.post('Profiler.stop', (_error, { profile }) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, `${process.env['ROLES'] ?? 'all'}-${process.pid}.cpuprofile`),
      JSON.stringify(profile),
    );
  });
});

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { useAction } from '../../action.js';
import { post } from '../../api.js';
import { count, duration } from '../../format.js';
import { Bar } from '../../parts/bar.js';
import { Figures } from '../../parts/figures.js';
import { Shown, Together } from '../../parts/states.js';
import { useTitle } from '../../parts/title.js';
import { type Loaded, type Resource, useResource } from '../../resource.js';
import type { Progress, Projections, ViewStatus } from '../../shapes.js';
import { Charts, useStats } from './charts.js';
import { Dependencies, useReadiness } from './dependencies.js';
import { may } from '../../session.js';
import { Parked } from './parked.js';

const LOOK_EVERY_MS = 2_000;

/** What works, how far the views are, and what happened day by day. */
export function SystemPage() {
  useTitle('System');
  const ready = useReadiness();
  const projections = useResource<Projections>('/v1/projections', LOOK_EVERY_MS);
  const stats = useStats();
  return (
    <>
      <h1 class="hidden">System</h1>
      <Together of={[ready, projections.state.value, stats]}>
        {() => (
          <section class="system">
            <Dependencies ready={ready} />
            <Views found={projections} />
            <Charts found={stats} />
          </section>
        )}
      </Together>
    </>
  );
}

function Views({ found }: { readonly found: Loaded<Projections> }) {
  const rate = useRate(found.state.value);
  return (
    <section class="panel">
      <h2>Events and views</h2>
      <Shown of={found.state.value} lines={10}>
        {({ feed, views, stores }) => (
          <>
            <Figures
              of={[
                ['Events', feed.head.toLocaleString('en')],
                ['Events per second', rate.value === undefined ? '…' : rate.value.toFixed(1)],
                ['Without a position yet', feed.unsequenced.toLocaleString('en')],
                ['Lag of the feed', duration(feed.behindMs)],
              ]}
            />
            <table class="plain">
              <thead>
                <tr>
                  <th>View</th>
                  <th class="number wide-only">Version</th>
                  <th class="number">Lag</th>
                  <th class="number">Parked</th>
                  <th>Rebuild</th>
                </tr>
              </thead>
              <tbody>
                {views.map((view) => (
                  <ViewRow key={view.name} view={view} reload={found.reload} />
                ))}
                {stores.map(({ name, rebuilding }) => (
                  <tr key={name}>
                    <td>{name}</td>
                    <td class="number wide-only" />
                    <td class="number quiet">with each event</td>
                    <td class="number" />
                    <td>
                      {rebuilding ? (
                        <RebuildProgress of={rebuilding} />
                      ) : (
                        <RebuildButton name={name} onDone={found.reload} />
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
            {views
              .filter(({ parked }) => parked > 0)
              .map(({ name }) => (
                <Parked key={name} view={name} onDone={found.reload} />
              ))}
          </>
        )}
      </Shown>
    </section>
  );
}

function ViewRow({ view, reload }: { readonly view: ViewStatus; readonly reload: () => void }) {
  const { name, version, latestVersion, eventsBehind, msBehind, parked, rebuilding } = view;
  return (
    <tr>
      <td>{name}</td>
      <td class="number wide-only">
        {version === latestVersion ? version : `${version} of ${latestVersion}`}
      </td>
      <td class="number">
        {eventsBehind === 0 ? (
          <span class="quiet">0</span>
        ) : (
          `${count(eventsBehind, 'event')}, ${duration(msBehind)}`
        )}
      </td>
      <td class="number">{parked === 0 ? <span class="quiet">0</span> : <b class="bad">{parked}</b>}</td>
      <td>
        {rebuilding ? <RebuildProgress of={rebuilding} /> : <RebuildButton name={name} onDone={reload} />}
      </td>
    </tr>
  );
}

function RebuildProgress({ of }: { readonly of: Progress }) {
  const { done, total, perSecond, secondsLeft } = of;
  return (
    <span class="progress">
      <Bar part={done} whole={Math.max(done, total)} tone="busy" />
      {`${done.toLocaleString('en')} of ${total.toLocaleString('en')}, ${perSecond.toLocaleString('en')}/s`}
      {secondsLeft !== undefined && `, ${duration(secondsLeft * 1_000)} left`}
    </span>
  );
}

/** The button that rebuilds a view; absent for readers without the scope. */
function RebuildButton({ name, onDone }: { readonly name: string; readonly onDone: () => void }) {
  const { problem, run } = useAction();
  const ask = () =>
    run(async () => {
      await post(`/v1/projections/${name}/rebuild`);
      onDone();
    });
  if (!may('ops')) return null;
  return (
    <>
      <button type="button" class="small" onClick={() => void ask()} aria-label={`Rebuild ${name}`}>
        Rebuild
      </button>
      <span class="problem">{problem}</span>
    </>
  );
}

/** Events per second between the last two reads; undefined after the first one. */
function useRate(read: Resource<Projections>) {
  const rate = useSignal<number | undefined>(undefined);
  const last = useRef<{ readonly head: number; readonly at: number } | undefined>(undefined);
  useEffect(() => {
    if (read.data === undefined || read.problem !== undefined) return;
    const { head } = read.data.feed;
    const at = Date.now();
    const before = last.current;
    if (before !== undefined && at > before.at)
      rate.value = Math.max(0, ((head - before.head) * 1_000) / (at - before.at));
    last.current = { head, at };
  }, [read]);
  return rate;
}

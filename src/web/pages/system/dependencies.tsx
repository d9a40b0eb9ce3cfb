import { Shown } from '../../parts/states.js';
import { Status } from '../../parts/status.js';
import { type Resource, useResource } from '../../resource.js';
import type { Readiness } from '../../shapes.js';

const LOOK_EVERY_MS = 2_000;

/** The purpose of each dependency, by its name in the answer. */
const purposes: Readonly<Record<string, string>> = {
  temporal: 'holds each order as a workflow, whose history is the log of its events',
  mongodb: 'holds the journal of events, and the views that are read',
  workers: 'decide commands, and perform what orders owe',
  recording: 'brings each event into the journal',
  feed: 'gives events their positions, for feed views and for webhooks',
  kafka: 'publishes events, and takes commands',
  forks: 'no order has a journal and a history that contradict each other',
  reconciliation: 'compares histories, journal and views again and again',
  stock: 'every change of stock is known',
};

/**
 * The readiness of the process. A process that is not ready answers 503, with its readiness as the
 * body.
 */
export function useReadiness(): Resource<Readiness> {
  const { data, problem } = useResource<Readiness>('/health/ready', LOOK_EVERY_MS).state.value;
  if (problem !== undefined && 'dependencies' in problem.body)
    return { data: problem.body as unknown as Readiness };
  return { ...(data !== undefined && { data }), ...(problem !== undefined && { problem }) };
}

/** What the process depends on, and what does not work without it. */
export function Dependencies({ ready }: { readonly ready: Resource<Readiness> }) {
  return (
    <section class="panel">
      <h2>What works</h2>
      <Shown of={ready} lines={8}>
        {({ dependencies }) => (
          <ul class="dependencies">
            {dependencies.map(({ name, status, detail, cost }) => (
              <li key={name}>
                <Status of={status} />
                <b>{name}</b>
                {status === 'up' ? (
                  <span class="quiet">{purposes[name]}</span>
                ) : (
                  <span>
                    {detail}
                    {cost !== undefined && <span class="quiet"> Meanwhile: {cost}.</span>}
                  </span>
                )}
              </li>
            ))}
          </ul>
        )}
      </Shown>
    </section>
  );
}

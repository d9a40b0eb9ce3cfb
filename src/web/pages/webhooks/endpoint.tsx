import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { now } from '../../clock.js';
import { type Action, useAction } from '../../action.js';
import { duration, words } from '../../format.js';
import { Copyable } from '../../parts/copyable.js';
import { Figures } from '../../parts/figures.js';
import { Status } from '../../parts/status.js';
import type { Attempt, Endpoint, Subscription } from '../../shapes.js';
import { Attempts, Outcome } from './attempts.js';
import { change, inWords, remove, replay, rotateSecret, sendTest } from './endpoints.js';
import { SettingsForm } from './settings-form.js';

interface EndpointProps {
  readonly endpoint: Endpoint;
  readonly subscription: Subscription | undefined;
  /** the new signing secret; it is shown only once */
  readonly secret: string | undefined;
  readonly onSecret: (secret: string) => void;
  readonly onChange: (endpoint: Endpoint) => void;
}

type Open = 'change' | 'replay' | 'delete' | undefined;

/** An endpoint: the state of its deliveries, its settings, and its actions. */
export function EndpointPanel({ endpoint, subscription, secret, onSecret, onChange }: EndpointProps) {
  const action = useAction(inWords);
  const { isBusy, problem, run } = action;
  const open = useSignal<Open>(undefined);
  const message = useSignal<ComponentChildren>(undefined);
  const report = (text: ComponentChildren): void => {
    message.value = text;
    open.value = undefined;
  };
  const isEnabled = endpoint.status === 'enabled';
  const toggle = async (): Promise<void> => {
    onChange(await change(endpoint, { enabled: !isEnabled }));
    report(undefined);
  };
  const rotate = async (): Promise<void> => {
    const { secret: made, ...changed } = await rotateSecret(endpoint);
    onSecret(made);
    onChange(changed);
    report('Until the next rotation, the old secret signs too.');
  };
  const close = (): void => void (open.value = undefined);
  const actionButton = (name: string, perform: () => Promise<void>) => (
    <button type="button" disabled={isBusy.value} onClick={() => void run(perform)}>
      {name}
    </button>
  );
  const openButton = (name: string, part: Open) => (
    <button
      type="button"
      aria-expanded={open.value === part}
      onClick={() => (open.value = open.value === part ? undefined : part)}
    >
      {name}
    </button>
  );
  return (
    <section class="panel endpoint" aria-label="Endpoint">
      <h2>
        {endpoint.url} <Status of={endpoint.status} />
      </h2>
      {endpoint.disabledBecause !== undefined && <p class="problem">{endpoint.disabledBecause}</p>}
      {subscription !== undefined && <Health of={subscription} />}
      <WhatItGets of={endpoint} />
      <div class="acts">
        {actionButton('Send a test', async () => report(<Tested of={await sendTest(endpoint)} />))}
        {openButton('Change', 'change')}
        {actionButton(isEnabled ? 'Disable' : 'Enable', toggle)}
        {actionButton('Rotate secret', rotate)}
        {openButton('Replay', 'replay')}
        {openButton('Delete', 'delete')}
      </div>
      <p class="problem" role="alert">
        {problem}
      </p>
      <div role="status">
        {message}
        {secret !== undefined && (
          <div class="notice">
            Its secret, which is shown this once:
            <Copyable text={secret} />
          </div>
        )}
      </div>
      {open.value === 'change' && (
        <SettingsForm
          title="Change it"
          endpoint={endpoint}
          onClose={close}
          onSend={async (settings) => {
            onChange(await change(endpoint, settings));
            report('It is changed. What failed is tried again now.');
          }}
        />
      )}
      {open.value === 'replay' && <ReplayForm endpoint={endpoint} action={action} onDone={report} />}
      {open.value === 'delete' && (
        <p class="acts">
          Delete it, with its secrets and what waits for it?
          {actionButton('Delete it', async () => onChange(await remove(endpoint)))}
          <button type="button" onClick={close}>
            Back
          </button>
        </p>
      )}
      <Attempts endpoint={endpoint} />
    </section>
  );
}

function Tested({ of }: { readonly of: Attempt }) {
  return (
    <p>
      The test: <Outcome of={of} />
      <span class="quiet">, {of.ms} ms</span>
    </p>
  );
}

function Health({ of }: { readonly of: Subscription }) {
  const { position, lag, waiting, parked, delivered, failures, failingSince, restUntil } = of;
  const restMs = restUntil === undefined ? 0 : Date.parse(restUntil) - now.value;
  return (
    <>
      <Figures
        of={[
          ['Position', position.toLocaleString('en')],
          ['Lag', lag.toLocaleString('en')],
          ['Waiting', waiting.toLocaleString('en')],
          ['Parked', parked.toLocaleString('en')],
          ['Delivered', delivered.toLocaleString('en')],
          ['Failures in a row', failures.toLocaleString('en')],
        ]}
      />
      {failingSince !== undefined && (
        <p class="problem">
          It has failed for {duration(now.value - Date.parse(failingSince))}
          {restMs > 0 && `, and is tried again in ${duration(restMs)}`}.
        </p>
      )}
    </>
  );
}

function WhatItGets({
  of: { events, customers, tags, payload, perSecond, description },
}: {
  readonly of: Endpoint;
}) {
  const rows = [
    ['For', description],
    ['Events', events.length === 0 ? 'all' : events.join(', ')],
    ['Of customers', customers.length === 0 ? undefined : customers.join(', ')],
    ['Of orders with a tag', tags.length === 0 ? undefined : tags.join(', ')],
    ['Payload', words(payload)],
    ['Deliveries a second', perSecond === undefined ? undefined : `at most ${perSecond}`],
  ] as const;
  return (
    <dl class="gets">
      {rows
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

interface ReplayProps {
  readonly endpoint: Endpoint;
  readonly action: Action;
  readonly onDone: (message: string) => void;
}

/** Replays from a position or from a time. */
function ReplayForm({ endpoint, action: { isBusy, problem, run }, onDone }: ReplayProps) {
  const onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (!(event.currentTarget instanceof HTMLFormElement)) return;
    const given = new FormData(event.currentTarget);
    const [after = '', from = ''] = ['after', 'from'].map((name) => {
      const value = given.get(name);
      return typeof value === 'string' ? value : '';
    });
    if ((after === '') === (from === '')) problem.value = 'Enter a position or a time, and not both.';
    else
      void run(async () => {
        const start = after === '' ? { from: new Date(from).toISOString() } : { after: Number(after) };
        const position = await replay(endpoint, start);
        onDone(`What comes after position ${position.toLocaleString('en')} is delivered again.`);
      });
  };
  return (
    <form class="replay" onSubmit={onSubmit}>
      <label class="field">
        <span>After position</span>
        <input name="after" type="number" min={0} step={1} placeholder="0 for all" />
      </label>
      <label class="field">
        <span>Or from</span>
        <input name="from" type="datetime-local" step={1} />
      </label>
      <button type="submit" class="primary" disabled={isBusy.value}>
        Deliver again
      </button>
    </form>
  );
}

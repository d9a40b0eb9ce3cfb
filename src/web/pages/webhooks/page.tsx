import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import '../../styles/webhooks.css';
import { withQuery } from '../../api.js';
import { Empty, Shown } from '../../parts/states.js';
import { useTitle } from '../../parts/title.js';
import { useResource } from '../../resource.js';
import { may } from '../../session.js';
import type { Endpoint, Page, Subscription } from '../../shapes.js';
import { EndpointPanel } from './endpoint.js';
import { create, endpointsPath } from './endpoints.js';
import { EndpointList } from './list.js';
import { SettingsForm } from './settings-form.js';

const LOOK_EVERY_MS = 3_000;

/** The endpoints that receive events, and the state of their deliveries. */
export function WebhooksPage() {
  useTitle('Webhooks');
  const { query, route } = useLocation();
  const { endpoint: chosen } = query;
  const found = useResource<Page<Endpoint>>(endpointsPath, LOOK_EVERY_MS);
  const subscribed = useResource<Page<Subscription>>(
    may('events:read') ? '/v1/subscriptions' : undefined,
    LOOK_EVERY_MS,
  );
  const isCreating = useSignal(false);
  /** Endpoints as the API returned them after a change, which the list may not show yet. */
  const answered = useSignal<ReadonlyMap<string, Endpoint>>(new Map());
  const secret = useSignal({ of: '', text: '' });
  // The secret is shown once, and not when its endpoint is opened again.
  useEffect(() => {
    if (secret.value.of !== chosen) secret.value = { of: '', text: '' };
  }, [chosen]);
  const showChange = (endpoint: Endpoint): void => {
    answered.value = new Map(answered.value).set(endpoint.endpointId, endpoint);
    found.reload();
    subscribed.reload();
  };
  const createIt = async (settings: object, key: string): Promise<void> => {
    const { secret: text, ...made } = await create(settings, key);
    secret.value = { of: made.endpointId, text };
    isCreating.value = false;
    showChange(made);
    route(withQuery('/webhooks', { endpoint: made.endpointId }));
  };
  const subscriptions = new Map(subscribed.state.value.data?.data.map((one) => [one.name, one]));
  return (
    <section class="webhooks">
      <header>
        <h1>Webhooks</h1>
        {may('webhooks:write') && !isCreating.value && (
          <button type="button" class="primary" onClick={() => (isCreating.value = true)}>
            New endpoint
          </button>
        )}
      </header>
      {isCreating.value && (
        <SettingsForm title="A new endpoint" onSend={createIt} onClose={() => (isCreating.value = false)} />
      )}
      <Shown of={found.state.value}>
        {({ data }) => {
          const endpoints = latest(data, answered.value);
          const open = endpoints.find(({ endpointId }) => endpointId === chosen);
          if (endpoints.length === 0)
            return (
              <Empty title="Nothing is delivered yet">
                <p>
                  An endpoint is a URL that gets the events of orders as they happen, signed, and in order
                  within each order.
                </p>
              </Empty>
            );
          return (
            <div class={open === undefined ? '' : 'both'}>
              <EndpointList endpoints={endpoints} subscriptions={subscriptions} chosen={chosen} />
              {open !== undefined && (
                <EndpointPanel
                  key={open.endpointId}
                  endpoint={open}
                  subscription={subscriptions.get(open.endpointId)}
                  secret={secret.value.of === open.endpointId ? secret.value.text : undefined}
                  onSecret={(text) => (secret.value = { of: open.endpointId, text })}
                  onChange={showChange}
                />
              )}
            </div>
          );
        }}
      </Shown>
    </section>
  );
}

/** Each endpoint at its latest version, without those that are deleted. */
function latest(listed: readonly Endpoint[], answered: ReadonlyMap<string, Endpoint>): readonly Endpoint[] {
  const all = new Map(listed.map((one) => [one.endpointId, one]));
  for (const [id, one] of answered) if (one.version > (all.get(id)?.version ?? 0)) all.set(id, one);
  return [...all.values()]
    .filter(({ status }) => status !== 'deleted')
    .toSorted((one, other) => (one.endpointId < other.endpointId ? -1 : 1));
}

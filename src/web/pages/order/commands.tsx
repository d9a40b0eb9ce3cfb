import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Preview } from '../../../api/commands/gateway/preview.js';
import { commands } from '../../../api/commands/table.js';
import type { OrderView } from '../../../order/view.js';
import { may } from '../../session.js';
import { type Choice, choicesOf } from './choices.js';
import { CommandForm } from './command-form.js';

interface CommandsProps {
  /** the order as it is now */
  readonly order: OrderView;
  /** the order at the version that is shown; undefined if that is the last version */
  readonly past: OrderView | undefined;
  readonly previewed: Signal<Preview | undefined>;
  readonly onDone: () => void;
}

/**
 * A button for each command that the reader's scopes allow. If the order does not allow a command,
 * its button is disabled, and the reason is beside it.
 */
export function Commands({ order, past, previewed, onDone }: CommandsProps) {
  const chosen = useSignal<string | undefined>(undefined);
  const opener = useRef<string | undefined>(undefined);
  const panel = useRef<HTMLElement>(null);
  const choices = choicesOf(past ?? order).filter(({ type }) => may(commands[type].scope));
  const choice = choicesOf(order).find(({ key }) => key === chosen.value);
  const close = (): void => {
    opener.current = chosen.value;
    chosen.value = undefined;
    previewed.value = undefined;
  };
  useEffect(() => {
    if (chosen.value !== undefined || opener.current === undefined) return;
    panel.current?.querySelector<HTMLButtonElement>(`[data-key="${CSS.escape(opener.current)}"]`)?.focus();
    opener.current = undefined;
  });
  return (
    <section class="panel commands" aria-label="Commands" ref={panel}>
      {choice === undefined ? (
        <>
          <h2>{past === undefined ? 'What can be done' : `What could be done at version ${past.version}`}</h2>
          {choices.length === 0 && <p class="quiet">This key may not change orders.</p>}
          <ul>
            {choices.map((one) => (
              <CommandRow
                key={one.key}
                choice={one}
                isPast={past !== undefined}
                onChoose={() => (chosen.value = one.key)}
              />
            ))}
          </ul>
        </>
      ) : (
        <CommandForm
          key={choice.key}
          order={order}
          choice={choice}
          previewed={previewed}
          onClose={close}
          onDone={() => {
            close();
            onDone();
          }}
        />
      )}
    </section>
  );
}

function CommandRow({
  choice,
  isPast,
  onChoose,
}: {
  readonly choice: Choice;
  readonly isPast: boolean;
  readonly onChoose: () => void;
}) {
  const { key, title, summary, reason } = choice;
  const isAllowed = reason === undefined;
  const id = `why-${key.replaceAll(' ', '-')}`;
  return (
    <li class={isAllowed ? 'allowed' : 'blocked'}>
      <button
        type="button"
        data-key={key}
        disabled={!isAllowed || isPast}
        aria-describedby={id}
        onClick={onChoose}
      >
        {title}
      </button>
      <span id={id}>{reason ?? summary}</span>
    </li>
  );
}

import { type Signal, useSignal } from '@preact/signals';
import { Problem } from './api.js';

export interface Action {
  readonly isBusy: Signal<boolean>;
  readonly problem: Signal<string>;
  /** Runs the action. If it fails, `problem` says why. */
  readonly run: (action: () => Promise<void>) => Promise<void>;
}

/**
 * The state of the actions of one panel: whether one is running, and why the last one failed.
 *
 * @param inWords describes a problem; by default, in the API's words
 */
export function useAction(inWords = ({ message }: Problem): string => message): Action {
  const isBusy = useSignal(false);
  const problem = useSignal('');
  const run: Action['run'] = async (action) => {
    isBusy.value = true;
    problem.value = '';
    try {
      await action();
    } catch (error) {
      problem.value = error instanceof Problem ? inWords(error) : String(error);
    } finally {
      isBusy.value = false;
    }
  };
  return { isBusy, problem, run };
}

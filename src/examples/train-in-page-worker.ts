/** The worker of `train-in-page`: opens what was chosen, trains, decodes, and sends the report. */

import {
  createEngine,
  decode,
  fileFolder,
  openDataset,
  opfsStore,
  type Progress,
  type Recording,
  report,
  train,
} from 'neuroformer-webgpu';

/** What the page asks for. */
export interface Task {
  /** A data file, or a dataset.yaml with all its files. */
  readonly files: readonly File[];
  /** Where the run is kept in the browser's own file system. */
  readonly run: string;
}

/** Messages to the page: progress, and at the end the report as an HTML page. */
export type Message =
  | { readonly status: string }
  | { readonly status: string; readonly report: string };

/** A model small enough for a laptop, which decodes every variable of the recording. */
function configFor({ trials }: Recording): object {
  const variables = Object.entries(trials[0]!.variables).map(([name, { values, period }]) => {
    const numericObjective = period === undefined ? 'regression' : 'circular';
    const objective = typeof values[0] === 'string' ? 'classification' : numericObjective;
    return [name, { dt: 0.05, predict: true, objective }];
  });
  return {
    n_embd: 32,
    n_head: 4,
    layers: { state: 1, state_history: 1, stimulus: 0 },
    window: { curr: 0.1, prev: 0.3 },
    block_size: { id: 60, prev_id: 150 },
    modalities: {
      behavior: { n_layers: 0, window: 0.05, variables: Object.fromEntries(variables) },
    },
    training: { steps: 100, batch: 32, checkpoint_every: 25 },
  };
}

async function work({ files, run: name }: Task): Promise<void> {
  const dataset = await openDataset(fileFolder(files));
  const store = opfsStore(name);
  const resume = (await store.list()).length > 0;
  const watcher = {
    note: (status: string) => send({ status }),
    progress: ({ activity, done, total, detail = '' }: Progress) =>
      send({ status: `${activity}: ${done} of ${total} ${detail}` }),
    shouldStop: () => false,
  };
  const options = { engine: () => createEngine(), store, resume, watcher };
  const run = await train(dataset, configFor(dataset.recording), options);
  await decode(run, {}, options);
  const { page } = await report(run);
  send({ status: 'Done.', report: page });
}

const scope = globalThis as unknown as {
  onmessage: (event: { readonly data: Task }) => void;
  postMessage(message: Message): void;
};

function send(message: Message): void {
  scope.postMessage(message);
}

scope.onmessage = ({ data }) => {
  work(data).catch((error: Error) => send({ status: error.message }));
};

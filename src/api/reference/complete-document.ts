import { eventMeanings, type EventType, schemaVersions } from '../../order/events.js';
import { bodyExamples, idExamples } from './examples.js';
import { eventSchemas } from './event-schemas.js';

/** The parts of an OpenAPI document to which this module adds something. */
interface Document {
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  components?: { schemas?: Record<string, object> };
}

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string; example?: unknown }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { example?: unknown }>> };
}

/**
 * Adds to the document what the schemas of the routes do not say: examples of ids and bodies that
 * work, and a model of the data of every event.
 */
export function completeDocument(document: Document): void {
  for (const [path, operations] of Object.entries(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(operations)) {
      for (const parameter of operation.parameters ?? []) {
        const example = parameter.in === 'path' ? idExamples[parameter.name] : undefined;
        if (example !== undefined) parameter.example = example;
      }
      const body = operation.requestBody?.content['application/json'];
      if (body !== undefined) body.example = bodyExamples[`${method.toUpperCase()} ${path}`] ?? {};
    }
  }
  document.components = { ...document.components, schemas: { ...document.components?.schemas, ...events() } };
}

function events(): Record<string, object> {
  return Object.fromEntries(
    Object.entries(eventSchemas).map(([type, schema]) => {
      // The keys of the catalogue are the types of events.
      const known = type as EventType;
      const description = `${eventMeanings[known] ?? ''} The data of the event, in schemaVersion ${schemaVersions[known]}.`;
      return [type, { ...schema, description }];
    }),
  );
}

import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';

const serializersOf = SerializerSelector();

/**
 * Fastify's serializers of answers, each compiled when it is first used. There are hundreds, one
 * for each status of each route, and compiling all of them would delay the start.
 */
export const buildSerializer: typeof serializersOf = (schemas, options) => {
  const compile = serializersOf(schemas, options);
  return (route) => {
    let serialize: ReturnType<typeof compile> | undefined;
    return (answer: unknown) => (serialize ??= compile(route))(answer);
  };
};

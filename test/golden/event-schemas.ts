import { readFile } from 'node:fs/promises';
import {
  type Expression,
  type TsExpressionWithTypeArguments,
  type TsInterfaceDeclaration,
  type TsType,
  type TsTypeAliasDeclaration,
  type TsTypeElement,
  parse,
} from '@swc/core';

/** The part of JSON Schema that the shapes of events use. */
export interface JsonSchema {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'boolean';
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly items?: JsonSchema;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
}

/** Shapes by name: `Envelope`, and the data of each event by `type@schemaVersion`. */
export type EventSchemas = Readonly<Record<string, JsonSchema>>;

/** The TypeScript that declares what is persisted. */
export async function eventSources(): Promise<readonly string[]> {
  const files = ['order/events.ts', 'order/commands.ts', 'log/event.ts'];
  return await Promise.all(
    files.map((name) => readFile(new URL(`../../src/${name}`, import.meta.url), 'utf8')),
  );
}

/**
 * What is persisted, as TypeScript declares it: `Envelope`, and each member of `EventData` in the
 * version it is written in. Referenced types are inlined, so the names of types, the order of
 * members, comments and layout do not matter. A change of a shared type, such as an address,
 * changes every event that contains it.
 *
 * @throws Error for a kind of type that this function does not know
 */
export async function eventSchemas(
  sources: readonly string[],
  versions: Readonly<Record<string, number>>,
): Promise<EventSchemas> {
  const schemaOf = await readDeclarations(sources);
  const events = Object.entries(schemaOf('EventData').properties ?? {});
  return {
    Envelope: schemaOf('Envelope'),
    ...Object.fromEntries(events.map(([type, data]) => [`${type}@${versions[type]}`, data])),
  };
}

type Declaration = TsInterfaceDeclaration | TsTypeAliasDeclaration;

async function readDeclarations(sources: readonly string[]): Promise<(name: string) => JsonSchema> {
  const modules = await Promise.all(sources.map((source) => parse(source, { syntax: 'typescript' })));
  const declarations = new Map<string, Declaration>();
  for (const item of modules.flatMap(({ body }) => body)) {
    const declared = item.type === 'ExportDeclaration' ? item.declaration : item;
    if (declared.type === 'TsInterfaceDeclaration' || declared.type === 'TsTypeAliasDeclaration')
      declarations.set(declared.id.value, declared);
  }

  function named(name: string): JsonSchema {
    const declared = declarations.get(name);
    if (declared === undefined) throw new Error(`${name} is not declared where events are (eventSources)`);
    return declared.type === 'TsInterfaceDeclaration'
      ? ofInterface(declared)
      : ofType(declared.typeAnnotation);
  }

  function ofInterface({ extends: parents, body }: TsInterfaceDeclaration): JsonSchema {
    const own = ofMembers(body.body);
    const inherited = parents.map((parent: TsExpressionWithTypeArguments) =>
      named(nameOf(parent.expression)),
    );
    return intersection([...inherited, own]);
  }

  function ofMembers(members: readonly TsTypeElement[]): JsonSchema {
    const properties: Record<string, JsonSchema> = {};
    const required: string[] = [];
    for (const member of members) {
      if (member.type !== 'TsPropertySignature' || !member.typeAnnotation) throw unknownKind(member);
      const name = nameOf(member.key);
      properties[name] = ofType(member.typeAnnotation.typeAnnotation);
      if (!member.optional) required.push(name);
    }
    return object(properties, required);
  }

  function ofType(type: TsType): JsonSchema {
    switch (type.type) {
      case 'TsKeywordType':
        if (type.kind !== 'string' && type.kind !== 'number' && type.kind !== 'boolean')
          throw unknownKind(type);
        return { type: type.kind };
      case 'TsLiteralType':
        if (type.literal.type !== 'StringLiteral') throw unknownKind(type);
        return { enum: [type.literal.value] };
      case 'TsUnionType':
        return ofUnion(type.types.map(ofType));
      case 'TsIntersectionType':
        return intersection(type.types.map(ofType));
      case 'TsArrayType':
        return { type: 'array', items: ofType(type.elemType) };
      case 'TsParenthesizedType':
        return ofType(type.typeAnnotation);
      case 'TsTypeOperator':
        if (type.op !== 'readonly') throw unknownKind(type);
        return ofType(type.typeAnnotation);
      case 'TsTypeLiteral':
        return ofMembers(type.members);
      case 'TsTypeReference': {
        if (type.typeName.type !== 'Identifier') throw unknownKind(type);
        const { value: name } = type.typeName;
        const [first, second] = type.typeParams?.params ?? [];
        if (first === undefined) return named(name);
        if (name === 'Readonly') return ofType(first);
        const isEmpty = name === 'Record' && second?.type === 'TsKeywordType' && second.kind === 'never';
        if (isEmpty) return object({}, []);
        throw unknownKind(type);
      }
      default:
        throw unknownKind(type);
    }
  }

  return named;
}

function object(properties: Readonly<Record<string, JsonSchema>>, required: readonly string[]): JsonSchema {
  return { type: 'object', properties, required: required.toSorted(), additionalProperties: false };
}

/** @param parts objects */
function intersection(parts: readonly JsonSchema[]): JsonSchema {
  return object(
    Object.assign({}, ...parts.map(({ properties }) => properties)),
    parts.flatMap(({ required = [] }) => required),
  );
}

function ofUnion(members: readonly JsonSchema[]): JsonSchema {
  const literals = members.flatMap((member) => member.enum ?? []);
  if (literals.length === members.length) return { enum: literals.toSorted() };
  return { anyOf: members };
}

function nameOf(key: Expression): string {
  if (key.type !== 'Identifier' && key.type !== 'StringLiteral') throw unknownKind(key);
  return key.value;
}

function unknownKind(node: { readonly type: string }): Error {
  return new Error(`a ${node.type} in the shape of an event: teach ${import.meta.url} its JSON Schema`);
}

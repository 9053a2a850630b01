// A small judge by JSON Schema (2020-12): the words that our schema uses, and no others, so that none is overlooked.
import { isDeepStrictEqual } from 'node:util';

type Schema = Readonly<Record<string, unknown>> | boolean;
type Check = (argument: never, value: unknown, schema: Readonly<Record<string, unknown>>, root: Schema) => boolean;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: value => typeof value === 'string',
  number: value => typeof value === 'number',
  integer: Number.isInteger,
  boolean: value => typeof value === 'boolean',
  null: value => value === null,
};

const CHECKS: Readonly<Record<string, Check>> = {
  type: (types: string | string[], value) => [types].flat().some(type => TYPES[type]!(value)),
  enum: (values: unknown[], value) => values.some(each => isDeepStrictEqual(each, value)),
  pattern: (pattern: string, value) => typeof value !== 'string' || new RegExp(pattern, 'u').test(value),
  minimum: (least: number, value) => typeof value !== 'number' || value >= least,
  maximum: (most: number, value) => typeof value !== 'number' || value <= most,
  minItems: (least: number, value) => !Array.isArray(value) || value.length >= least,
  minProperties: (least: number, value) => !isObject(value) || Object.keys(value).length >= least,
  required: (keys: string[], value) => !isObject(value) || keys.every(key => Object.hasOwn(value, key)),
  items: (items: Schema, value, _, root) => !Array.isArray(value) || value.every(each => accepts(items, each, root)),
  properties: (properties: Record<string, Schema>, value, _, root) =>
    !isObject(value) ||
    Object.entries(properties).every(([key, each]) => !Object.hasOwn(value, key) || accepts(each, value[key], root)),
  additionalProperties: (rest: Schema, value, { properties }, root) =>
    !isObject(value) ||
    Object.keys(value).every(key => Object.hasOwn(properties ?? {}, key) || accepts(rest, value[key], root)),
  anyOf: (schemas: Schema[], value, _, root) => schemas.some(each => accepts(each, value, root)),
  not: (schema: Schema, value, _, root) => !accepts(schema, value, root),
  if: (condition: Schema, value, schema, root) =>
    accepts((accepts(condition, value, root) ? schema.then : schema.else) as Schema, value, root),
  $ref: (reference: string, value, _, root) => {
    const at = reference.replace('#/', '').split('/');
    return accepts(
      at.reduce((part, key) => (part as Record<string, Schema>)[key]!, root),
      value,
      root,
    );
  },
};

const WORDS_WITHOUT_A_CHECK = ['$schema', '$defs', 'title', 'description', 'default', 'then', 'else'];

/** Whether `value` is as `schema` wants it. Throws an Error at a word it does not know. */
export function accepts(schema: Schema, value: unknown, root: Schema = schema): boolean {
  if (typeof schema === 'boolean') return schema;
  return Object.entries(schema).every(([word, argument]) => {
    if (WORDS_WITHOUT_A_CHECK.includes(word)) return true;
    const check = CHECKS[word];
    if (check === undefined) throw new Error(`JSON Schema's ${word} is not known here`);
    return check(argument as never, value, schema, root);
  });
}

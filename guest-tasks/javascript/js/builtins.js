// The builtins that our own code uses, taken before the first snippet runs: whatever a snippet
// does to them afterwards, that code works. The other files take no builtin's method from
// its prototype themselves, and shadow the names of the classes by those from here.
"use strict";

const { apply, getPrototypeOf, ownKeys, defineProperty, getOwnPropertyDescriptor } = Reflect;

/// Returns a method as a function whose first argument is its `this`.
const uncurry = (method) => (self, ...words) => apply(method, self, words);
const getter = (prototype, name) => uncurry(getOwnPropertyDescriptor(prototype, name).get);

const typed = getPrototypeOf(Uint8Array.prototype);
// Not `test`, which calls whatever `exec` is by then.
const exec = uncurry(RegExp.prototype.exec);
const dateTime = uncurry(Date.prototype.getTime);
const mapSize = getter(Map.prototype, "size");
const setSize = getter(Set.prototype, "size");
const bufferSize = getter(ArrayBuffer.prototype, "byteLength");

/// Returns whether a value is of the class whose method `check` is.
const isOf = (check) => (value) => {
  try {
    check(value);
    return true;
  } catch {
    return false;
  }
};

module.exports = {
  apply, getPrototypeOf, ownKeys, defineProperty, getOwnPropertyDescriptor, uncurry,
  is: Object.is,
  create: Object.create,
  enumerableKeys: Object.keys,
  objectPrototype: Object.prototype,
  objectTag: uncurry(Object.prototype.toString),
  functionText: uncurry(Function.prototype.toString),
  symbolText: uncurry(Symbol.prototype.toString),
  bigText: uncurry(BigInt.prototype.toString),

  isArray: Array.isArray,
  join: uncurry(Array.prototype.join),
  splice: uncurry(Array.prototype.splice),
  arrayIncludes: uncurry(Array.prototype.includes),

  includes: uncurry(String.prototype.includes),
  startsWith: uncurry(String.prototype.startsWith),
  charAt: uncurry(String.prototype.charAt),
  codeAt: uncurry(String.prototype.charCodeAt),
  slice: uncurry(String.prototype.slice),
  split: uncurry(String.prototype.split),
  trim: uncurry(String.prototype.trim),
  repeat: uncurry(String.prototype.repeat),
  replace: uncurry(String.prototype.replace),
  replaceAll: uncurry(String.prototype.replaceAll),

  exec,
  test: (pattern, text) => exec(pattern, text) !== null,
  regexpText: uncurry(RegExp.prototype.toString),

  parse: JSON.parse,
  stringify: JSON.stringify,

  dateTime,
  dateISO: uncurry(Date.prototype.toISOString),
  dateParse: Date.parse,
  isDate: isOf(dateTime),

  mapForEach: uncurry(Map.prototype.forEach),
  mapSet: uncurry(Map.prototype.set),
  mapSize,
  isMap: isOf(mapSize),
  setForEach: uncurry(Set.prototype.forEach),
  setAdd: uncurry(Set.prototype.add),
  setSize,
  isSet: isOf(setSize),

  isBuffer: isOf(bufferSize),
  typedTag: getter(typed, Symbol.toStringTag),
  typedLength: getter(typed, "length"),

  BigInt, DOMException, Date, Error, Map, Number, RangeError, ReferenceError, Set,
  SyntaxError, TypeError, Uint8Array,
};
